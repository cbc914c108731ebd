"A model and batches to confusion matrices, at the masks' own resolution."

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def confusion_matrices(logits: Tensor, masks: Tensor) -> Tensor:
    """Each image's confusion matrix, int64 `[B,C,C]` as `[true, predicted]`, of the pixels that have a class.

    `logits` are `[B,C,H,W]`, `masks` class indices `[B,H,W]`, of which anything from C on is void.
    """
    batch, num_classes = logits.shape[:2]
    image = torch.arange(batch, device=logits.device)[:, None, None]
    cells = (image * num_classes + masks.long()) * num_classes + logits.argmax(1)
    counts = torch.bincount(cells[masks < num_classes], minlength=batch * num_classes**2)
    return counts.view(batch, num_classes, num_classes)


def resize_logits(logits: Tensor, size: tuple[int, int]) -> Tensor:
    "Logits `[B,C,h,w]` at `size` (height, width), bilinear; the same tensor where they have it."
    if logits.shape[-2:] == size: return logits
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)


@torch.inference_mode()
def image_confusions(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]],
                     observers: Sequence[Callable[[Tensor, Tensor], None]] = ()) -> np.ndarray:
    """Each image's confusion matrix, int64 `[N,C,C]` as `[true, predicted]`, in the order of `batches`.

    `model` takes images `[B,3,H,W]` to logits, `batches` are of such images and masks `[B,h,w]`. `observers` are called
    with each image's logits `[C,h,w]` and mask `[h,w]`, in the same order. Matrices stay on the device until the end.
    """
    model.eval()
    matrices = []
    for images, masks in batches:
        masks = masks.as_subclass(Tensor)
        logits = resize_logits(model(images), tuple(masks.shape[-2:]))
        matrices.append(confusion_matrices(logits, masks))
        for observe in observers:
            for each in zip(logits, masks): observe(*each)
    return torch.cat(matrices).cpu().numpy()
