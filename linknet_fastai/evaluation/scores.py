"Every score, read off one confusion matrix."

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Scores:
    """Scores from an int64 confusion matrix `[true, predicted]`, from 0 to 1.

    A class that is absent from truth and prediction has the score nan, and is left out of the means.
    """

    confusion: np.ndarray
    classes: tuple[str, ...]

    NAMES: ClassVar[tuple[str, ...]] = ("miou", "class_accuracy", "dice", "pixel_accuracy")

    @classmethod
    def from_lists(cls, confusion: list[list[int]], classes: list[str]) -> "Scores":
        "From a confusion matrix as JSON has it."
        return cls(np.array(confusion, dtype=np.int64), tuple(classes))

    @property
    def _hits(self): return np.diag(self.confusion).astype(float)

    @property
    def _true(self): return self.confusion.sum(1)

    @property
    def _predicted(self): return self.confusion.sum(0)

    @property
    def class_iou(self) -> np.ndarray:
        "Intersection over union (Jaccard), `[C]`."
        return ratio(self._hits, self._true + self._predicted - self._hits)

    @property
    def class_dice(self) -> np.ndarray:
        "2 x intersection over the sum of both areas (F1), `[C]`."
        return ratio(2 * self._hits, self._true + self._predicted)

    @property
    def class_recall(self) -> np.ndarray:
        "Each class's pixels that were found over all that it has, `[C]`; its mean is the literature's class accuracy."
        return ratio(self._hits, self._true)

    @property
    def miou(self) -> float:
        "The mean of the classes' IoU."
        return mean(self.class_iou)

    @property
    def dice(self) -> float:
        "The mean of the classes' Dice."
        return mean(self.class_dice)

    @property
    def class_accuracy(self) -> float:
        "The mean of the classes' recall."
        return mean(self.class_recall)

    @property
    def pixel_accuracy(self) -> float:
        "The pixels that were found over all."
        return float(ratio(self._hits.sum(), self._true.sum()))

    def summary(self) -> dict[str, float]:
        "The scores over all classes, by name."
        return {name: getattr(self, name) for name in self.NAMES}

    def table(self) -> pd.DataFrame:
        "A row a class: `iou`, `accuracy` (recall), `dice`, and its `frequency` among the true pixels."
        columns = {"iou": self.class_iou, "accuracy": self.class_recall, "dice": self.class_dice,
                   "frequency": ratio(self._true, self._true.sum())}
        return pd.DataFrame(columns, index=pd.Index(self.classes, name="class"))


def ratio(part: float | np.ndarray, whole: float | np.ndarray) -> float | np.ndarray:
    "`part / whole`; nan where both are 0."
    with np.errstate(invalid="ignore", divide="ignore"): return np.true_divide(part, whole)


def mean(values: np.ndarray) -> float:
    "Of what is not nan; nan where all is."
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
