"The mean over images of each image's own Dice: the score that the student report calls IoU."

import numpy as np
import torch
from torch import Tensor

from ..images import VOID


class ImageDice:
    """The mean over images of each image's mean Dice, with void as one class more.

    Of the labels that an image's truth or prediction holds. A model that never predicts void has a Dice of 0 there.
    """

    def __init__(self): self.values: list[float] = []

    def observe(self, logits: Tensor, mask: Tensor):
        "Add an image of logits `[C,H,W]` with its mask `[H,W]`."
        num_classes = logits.shape[0]
        truth = torch.where(mask == VOID, num_classes, mask.long())
        cells = torch.bincount((truth * (num_classes + 1) + logits.argmax(0)).flatten(), minlength=(num_classes + 1) ** 2)
        confusion = cells.view(num_classes + 1, num_classes + 1).double()
        areas = confusion.sum(0) + confusion.sum(1)
        self.values.append((2 * confusion.diagonal()[areas > 0] / areas[areas > 0]).mean().item())

    @property
    def mean(self) -> float: return float(np.mean(self.values))
