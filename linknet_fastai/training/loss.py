"Weighted cross-entropy, and soft Dice beside it."

import numpy as np
import torch
import torch.nn.functional as F
from fastai.losses import CrossEntropyLossFlat
from fastcore.foundation import L
from torch import Tensor

from ..errors import UserError, check_choice
from ..images.mask import VOID
from ..recipes import Recipe
from ..runtime.all_reduce import all_reduce_sum
from ..runtime.distributed import world_size
from .class_weights import class_weights, median_frequency_weights


class SegmentationLoss(CrossEntropyLossFlat):
    """Weighted cross-entropy plus `dice_weight` times soft Dice, of logits `[B,C,H,W]` and masks `[B,H,W]`.

    Void pixels are ignored. `weight` `[C]` has the classes' weights.

    The cross-entropy is fastai's to rounding. fastai's own moves the classes to the end first, where a softmax over a
    dozen numbers takes twice as long on a CPU (`benchmarks/loss.py`). In training by several processes each returns its
    part, so that the mean of all gradients is the whole batch's.
    """

    def __init__(self, weight: Tensor, dice_weight: float = 0.0):
        super().__init__(axis=1, weight=weight, ignore_index=VOID)
        self.dice_weight = dice_weight
        self.weightless = (weight < torch.finfo(weight.dtype).tiny).nonzero().flatten().tolist()

    def __call__(self, logits: Tensor, masks: Tensor, **kwargs) -> Tensor:
        masks = masks.as_subclass(Tensor).long()
        weighted = self.without_weightless(masks)
        log_probabilities = F.log_softmax(logits.as_subclass(Tensor).contiguous(), dim=1)
        loss = F.nll_loss(log_probabilities, weighted, self.func.weight, ignore_index=VOID, reduction=self.reduction)
        if self.reduction == "mean":
            loss = torch.where((weighted != VOID).any(), loss, 0)  # of void alone: 0 / 0 weights
            is_shared = world_size() > 1 and torch.is_grad_enabled()
            if is_shared: loss = loss * self.relative_weight(weighted)
            if self.dice_weight:
                is_drawn = torch.is_grad_enabled()  # a validation is the same each time
                part = every_fourth_pixel(log_probabilities, masks) if is_drawn else (log_probabilities, masks)
                loss = loss + self.dice_weight * soft_dice_loss(*part, all_processes=is_shared)
        return loss

    def activation(self, logits: Tensor | L) -> Tensor | L:
        "Probabilities of logits `[B,C,H,W]`; of images of unequal sizes, which fastai gathers one by one, of each."
        if isinstance(logits, Tensor): return super().activation(logits)
        return L(self.activation(each[None])[0] for each in logits)

    def decodes(self, probabilities: Tensor | L) -> Tensor | L:
        "Classes `[B,H,W]` of probabilities, as for `activation`."
        if isinstance(probabilities, Tensor): return super().decodes(probabilities)
        return L(self.decodes(each[None])[0] for each in probabilities)

    def without_weightless(self, masks: Tensor) -> Tensor:
        "The masks with void for classes of weight 0: a batch of these alone would divide 0 by 0, its gradient too."
        for index in self.weightless: masks = masks.masked_fill(masks == index, VOID)
        return masks

    def relative_weight(self, masks: Tensor) -> Tensor:
        "The weight of the masks' pixels over that of all processes' pixels, times the number of processes."
        weight = self.func.weight
        mine = (torch.bincount(masks[masks != VOID], minlength=len(weight)) * weight).sum()
        return mine * world_size() / all_reduce_sum(mine).clamp(min=torch.finfo(mine.dtype).tiny)


def every_fourth_pixel(log_probabilities: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Log probabilities `[B,C,H,W]` and masks `[B,H,W]` at one of each 2x2 pixels, drawn once for the whole batch.

    That is enough for Dice, a sum over a whole batch, and costs a quarter (`benchmarks/loss.py`).
    """
    row, column = torch.randint(2, (2,)).tolist()
    return log_probabilities[..., row::2, column::2], masks[..., row::2, column::2]


def soft_dice_loss(log_probabilities: Tensor, masks: Tensor, all_processes: bool = False) -> Tensor:
    """1 - 2|P∩T| / (|P| + |T|) over the whole batch, the mean of the classes in it (V-Net, arXiv 1606.04797, sec. 3).

    `log_probabilities` are `[B,C,H,W]`, `masks` int64 `[B,H,W]` with void, which is ignored. 1 is added above and below
    the fraction line, so that it is defined for a class of no pixels. With `all_processes` the sums are over the pixels
    of all processes.
    """
    num_classes = log_probabilities.shape[1]
    known = masks != VOID
    truth = masks[known]
    probabilities = log_probabilities.exp()
    of_truth = probabilities.gather(1, torch.where(known, masks, 0)[:, None])[:, 0][known]
    common = torch.zeros(num_classes, device=masks.device).index_add(0, truth, of_truth)
    predicted = (probabilities * known[:, None]).sum((0, 2, 3))
    true = torch.bincount(truth, minlength=num_classes)
    sums = torch.stack([common, predicted, true])
    common, predicted, true = all_reduce_sum(sums) if all_processes else sums
    losses = 1 - (2 * common + 1) / (predicted + true + 1)
    return (losses * (true > 0)).sum() / (true > 0).sum().clamp(min=1)


def segmentation_loss(counts: np.ndarray, classes: tuple[str, ...], recipe: Recipe) -> SegmentationLoss:
    """The recipe's loss for `classes` of so many pixels in each training mask, `[N,C]`.

    A weight that the recipe gives by hand wins. `UserError` for such a weight of an unknown class, and where no class
    of the masks has any.
    """
    if recipe.class_weighting == "median": weights = median_frequency_weights(counts)
    else: weights = class_weights(counts.sum(axis=0) / counts.sum())
    weights = weights ** recipe.class_weight_power
    for name, weight in (recipe.class_weights or {}).items():
        check_choice("class", name, classes)
        weights[classes.index(name)] = weight
    loss = SegmentationLoss(torch.tensor(weights, dtype=torch.float), recipe.dice_weight)
    if set(np.flatnonzero(counts.sum(axis=0))) <= set(loss.weightless):
        raise UserError("all classes that the training masks hold have a weight of 0; give one of them a positive "
                        "weight with `--class-weights`.")
    return loss
