"The scores of a fastai `Learner`'s validation, all read off one confusion matrix."

import torch
from fastai.callback.core import Callback
from fastai.learner import Learner, Metric
from torch import Tensor

from ..runtime.all_reduce import all_reduce_sum
from .confusion import confusion_matrices, resize_logits
from .scores import Scores


class ConfusionCallback(Callback):
    """Brings logits to the masks' size, and has the counts of the last validation that was recorded.

    `matrix`, int64 `[C,C]`, stays on the device. The recorder counts, by `ScoreMetric`: what a callback predicts within
    a validation, as `FetchPredsCallback` does, isn't counted. fastai's `JaccardCoeffMulti` and `DiceMulti` know no
    `ignore_index` and synchronize for each class and batch.
    """

    order = 5  # before anything else sees the logits

    def __init__(self, classes: tuple[str, ...]):
        self.classes = classes

    def after_pred(self):
        if not self.training and len(self.yb): self.learn.pred = resize_logits(self.pred, tuple(self.y.shape[-2:]))

    def reset(self):
        "Begin a validation."
        self.matrix = torch.zeros(len(self.classes), len(self.classes), dtype=torch.long, device=self.dls.device)

    def count(self):
        "The batch at hand."
        self.matrix += confusion_matrices(self.pred.argmax(1), self.y.as_subclass(Tensor), len(self.classes)).sum(0)

    def all_reduce(self):
        "Add the counts of all processes."
        self.matrix = all_reduce_sum(self.matrix)

    @property
    def scores(self) -> Scores:
        "Of the last validation."
        return Scores(self.matrix.cpu().numpy(), self.classes)


class ScoreMetric(Metric):
    "One of `Scores.NAMES`, as a fastai metric that reads it off `confusion`; one of them `counts` for all."

    def __init__(self, confusion: ConfusionCallback, name: str, counts: bool):
        self.confusion, self._name, self.counts = confusion, name, counts

    def reset(self):
        if self.counts: self.confusion.reset()

    def accumulate(self, learn: Learner):
        if self.counts: self.confusion.count()

    def all_reduce(self):
        "Add the counts of all processes."
        if self.counts: self.confusion.all_reduce()

    @property
    def value(self) -> float: return getattr(self.confusion.scores, self._name)

    @property
    def name(self) -> str: return self._name


def score_metrics(confusion: ConfusionCallback) -> list[ScoreMetric]:
    "mIoU, class accuracy, Dice and pixel accuracy of the validation that `confusion` counts."
    return [ScoreMetric(confusion, name, counts=number == 0) for number, name in enumerate(Scores.NAMES)]
