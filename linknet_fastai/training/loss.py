"Weighted cross-entropy, and soft Dice beside it."

import numpy as np
import torch
import torch.nn.functional as F
from fastai.losses import CrossEntropyLossFlat
from torch import Tensor

from ..pictures import VOID
from .class_weights import class_weights
from .recipes import Recipe


class SegmentationLoss(CrossEntropyLossFlat):
    """For logits `[B,C,H,W]` and masks `[B,H,W]`: weighted cross-entropy plus `dice` times soft Dice; void is ignored.

    The cross-entropy is fastai's to rounding. fastai's own moves the classes to the end first, where a softmax over a
    dozen numbers takes twice as long on a CPU (`benchmarks/loss.py`).
    """

    def __init__(self, weight: Tensor, dice: float = 0.0):
        super().__init__(axis=1, weight=weight, ignore_index=VOID)
        self.dice = dice

    def __call__(self, logits: Tensor, masks: Tensor, **kwargs) -> Tensor:
        masks = masks.as_subclass(Tensor).long()
        log_probabilities = F.log_softmax(logits.as_subclass(Tensor).contiguous(), dim=1)
        loss = F.nll_loss(log_probabilities, masks, self.func.weight, ignore_index=VOID, reduction=self.reduction)
        if self.dice and self.reduction == "mean":
            loss = loss + self.dice * soft_dice_loss(*every_fourth_pixel(log_probabilities, masks))
        return loss


def every_fourth_pixel(log_probabilities: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """One of each 2x2 pixels, a random one of the four for the whole batch.

    Enough for Dice, a sum over a whole batch, and it costs a quarter (`benchmarks/loss.py`).
    """
    row, column = torch.randint(2, (2,)).tolist()
    return log_probabilities[..., row::2, column::2], masks[..., row::2, column::2]


def soft_dice_loss(log_probabilities: Tensor, masks: Tensor) -> Tensor:
    """1 - 2|P∩T| / (|P| + |T|) over the whole batch, the mean of the classes in it (V-Net, arXiv 1606.04797, sec. 3).

    `log_probabilities` `[B,C,H,W]`, `masks` int64 `[B,H,W]` with void. 1 is added above and below, as for a class of no pixels.
    """
    classes = log_probabilities.shape[1]
    known = masks != VOID
    truth = masks[known]
    probabilities = log_probabilities.exp()
    of_truth = probabilities.gather(1, torch.where(known, masks, 0)[:, None])[:, 0][known]
    common = torch.zeros(classes, device=masks.device).index_add(0, truth, of_truth)
    predicted = (probabilities * known[:, None]).sum((0, 2, 3))
    true = torch.bincount(truth, minlength=classes)
    losses = 1 - (2 * common + 1) / (predicted + true + 1)
    return (losses * (true > 0)).sum() / (true > 0).sum().clamp(min=1)


def loss_for(frequency: np.ndarray, recipe: Recipe) -> SegmentationLoss:
    "The recipe's loss for class frequencies `[C]`."
    weights = class_weights(frequency) ** recipe.weighting
    return SegmentationLoss(torch.tensor(weights, dtype=torch.float), recipe.dice)
