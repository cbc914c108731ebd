"Classes and masks to confusion matrices, at the masks' own resolution."

import torch
import torch.nn.functional as F
from torch import Tensor

PIXELS = 1 << 24  # counted at once: their int64 numbers are eight times as large as a mask


def confusion_matrices(classes: Tensor, masks: Tensor, num_classes: int) -> Tensor:
    """Each image's confusion matrix, int64 `[B,C,C]` as `[true, predicted]`, of the pixels that have a class.

    `classes` are those predicted, and `masks` the true ones, both `[B,H,W]`; in masks anything from `num_classes` on is
    void.
    """
    batch, _, width = masks.shape
    counts = torch.zeros(batch * num_classes**2, dtype=torch.long, device=masks.device)
    image = torch.arange(batch, device=masks.device)[:, None, None]
    for true, found in zip(*(each.split(max(1, PIXELS // (batch * width)), dim=1) for each in (masks, classes))):
        cells = (image * num_classes + true.long()) * num_classes + found
        counts += torch.bincount(cells[true < num_classes], minlength=len(counts))
    return counts.view(batch, num_classes, num_classes)


def resize_logits(logits: Tensor, size: tuple[int, int]) -> Tensor:
    "Logits, or images, `[B,C,h,w]` at `size` (height, width), bilinear; the same tensor where they have it."
    if logits.shape[-2:] == size: return logits
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)
