"A model and batches to confusion matrices, at the masks' own resolution."

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from fastai.callback.core import Callback
from fastai.metrics import ValueMetric
from torch import Tensor, nn

from ..runs.scores import Scores


def confusion_matrices(logits: Tensor, masks: Tensor) -> Tensor:
    """int64 `[B,C,C]`, for each picture `[true, predicted]` over the pixels of its mask that are a class.

    `logits` `[B,C,H,W]`, `masks` `[B,H,W]` of class indices, anything from C on being void.
    """
    batch, classes = logits.shape[:2]
    picture = torch.arange(batch, device=logits.device)[:, None, None]
    cells = (picture * classes + masks.long()) * classes + logits.argmax(1)
    return torch.bincount(cells[masks < classes], minlength=batch * classes**2).view(batch, classes, classes)


def at_resolution_of(masks: Tensor, logits: Tensor) -> Tensor:
    "Logits `[B,C,h,w]` at the height and width of `masks`, bilinear."
    size = tuple(masks.shape[-2:])
    if logits.shape[-2:] == size: return logits
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)


class Mirrored(nn.Module):
    """A network's log probabilities `[B,C,H,W]`, of the mean of each picture's and its mirror image's, turned back.

    fastai's `tta` averages views that show different pixels: sound for one label a picture, not for a mask.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        both = self.model(images).softmax(1) + self.model(images.flip(-1)).softmax(1).flip(-1)
        return (both / 2).clamp(min=torch.finfo(both.dtype).tiny).log()


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]],
             each: Sequence[Callable[[Tensor, Tensor], None]] = ()) -> np.ndarray:
    """Each picture's confusion matrix, int64 `[N,C,C]`, in the order of the batches; synchronised once.

    `each` are called with each picture's logits `[C,H,W]` and mask `[H,W]`, in the same order.
    """
    model.eval()
    matrices = []
    for images, masks in batches:
        masks = masks.as_subclass(Tensor)
        logits = at_resolution_of(masks, model(images))
        matrices.append(confusion_matrices(logits, masks))
        for look in each:
            for picture in zip(logits, masks): look(*picture)
    return torch.cat(matrices).cpu().numpy()


class Evaluation(Callback):
    """Scores of each validation, all read off one confusion matrix that stays on the device until its end.

    fastai's `JaccardCoeffMulti` and `DiceMulti` know no `ignore_index` and synchronise for each class and batch.
    """

    order = 5  # before anything else sees the logits

    def __init__(self, classes: tuple[str, ...]):
        self.classes = classes

    def before_validate(self):
        self.confusion = torch.zeros(len(self.classes), len(self.classes), dtype=torch.long, device=self.dls.device)

    def after_pred(self):
        if not self.training and len(self.yb): self.learn.pred = at_resolution_of(self.y, self.pred)

    def after_batch(self):
        if not self.training and len(self.yb):
            self.confusion += confusion_matrices(self.pred, self.y.as_subclass(Tensor)).sum(0)

    @property
    def scores(self) -> Scores:
        return Scores(self.confusion.cpu().numpy(), self.classes)

    def metrics(self) -> list[ValueMetric]:
        "fastai metrics that read the matrix; mIoU first."
        def metric(name: str) -> ValueMetric: return ValueMetric(lambda: getattr(self.scores, name), name)
        return [metric(name) for name in Scores.NAMES]
