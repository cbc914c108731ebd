"Scores near the borders of classes, where segmentations differ (the trimap of Kohli et al., IJCV 2009, sec. 5.2)."

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.mask import VOID
from .confusion import confusion_matrices


class Trimap:
    """Counts the confusion of the pixels that have another class within `width` pixels.

    Distances are along rows, columns and diagonals alike: the larger of both differences.
    """

    def __init__(self, width: int, num_classes: int):
        self.width, self.num_classes = width, num_classes
        self.confusion = torch.zeros(num_classes, num_classes, dtype=torch.long)  # `[true, predicted]`, of all images

    def observe(self, classes: Tensor, mask: Tensor):
        "Add what is predicted of an image and its mask, both `[H,W]`."
        found = confusion_matrices(classes[None], trimap(mask, self.width)[None], self.num_classes)[0]
        self.confusion += found.to(self.confusion.device)


def trimap(mask: Tensor, width: int) -> Tensor:
    """A mask `[H,W]` with all pixels void that have no other class within `width` pixels.

    Void is no class, so it makes no border.
    """
    known, classes = mask != VOID, mask.float()
    highest = _dilate(torch.where(known, classes, -1), width)
    lowest = -_dilate(torch.where(known, -classes, -VOID), width)
    return torch.where(known & (highest != lowest), mask, VOID)


def _dilate(values: Tensor, width: int) -> Tensor:
    "The highest value within `width` pixels; first along columns, then along rows."
    side = 2 * width + 1
    columns = F.max_pool2d(values[None, None], (side, 1), stride=1, padding=(width, 0))
    return F.max_pool2d(columns, (1, side), stride=1, padding=(0, width))[0, 0]
