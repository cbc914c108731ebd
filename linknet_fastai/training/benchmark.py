"""The Cityscapes benchmark's four scores: IoU and iIoU, of classes and of categories.

iIoU is IoU in which each pixel of a single thing counts by the class's average size over the thing's own, so that a far
car counts as much as a near one (Cordts et al., arXiv 1604.01685, sec. 4.1).
"""

import numpy as np
from torch import Tensor

from ..datasets.dataset import SegmentationDataset, other_size
from ..errors import UserError
from ..pictures import VOID, read_picture
from .batches import Pair

CROWD = 1000  # instance ids are 1000 times the class's id and a number; smaller ones are of several things


class Things:
    """Weighted pixels of the single things of each class, `[C]`: all, found as their class, found as their category.

    They stay nan where a picture's file of instances is missing.
    """

    def __init__(self, dataset: SegmentationDataset, pairs: list[Pair]):
        self.dataset, self.files = dataset, iter([pair.instances for pair in pairs])
        benchmark, classes = dataset.benchmark, dataset.classes
        sizes = [benchmark.instance_sizes.get(name, 0) * scored for name, scored in zip(classes, benchmark.scored)]
        self.size_of = np.array(sizes)  # 0: a class that isn't counted by thing
        self.category = np.array(benchmark.categories)
        self.total, self.found, self.found_in_category = np.zeros((3, len(classes)))

    def count(self, logits: Tensor, mask: Tensor):
        "Add the next picture, of logits `[C,H,W]`."
        file, predicted = next(self.files), logits.argmax(0)
        if not file.is_file():
            for sums in (self.total, self.found, self.found_in_category): sums[:] = np.nan
            return
        things = np.asarray(read_picture(self.dataset.inside(file)), dtype=np.int64)
        if things.shape != predicted.shape: raise UserError(other_size(file, things.shape, tuple(predicted.shape)))
        counted = self._is_counted(things)
        things, predicted = things[counted], predicted.cpu().numpy()[counted]
        truth = self.dataset.classes_of(things // CROWD)
        weight = self.size_of[truth] / np.bincount(things)[things] if len(things) else np.zeros(0)
        self.total += self._by_class(truth, weight)
        self.found += self._by_class(truth, weight * (predicted == truth))
        self.found_in_category += self._by_class(truth, weight * (self.category[predicted] == self.category[truth]))

    def _is_counted(self, things: np.ndarray) -> np.ndarray:
        classes = self.dataset.classes_of(np.arange(things.max() + 1) // CROWD)
        known = (classes >= 0) & (classes != VOID)
        counted = known & (self.size_of[np.where(known, classes, 0)] > 0)
        counted[:CROWD + 1] = False
        return counted[things]

    def _by_class(self, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return np.bincount(truth, weight, minlength=len(self.size_of))


def benchmark_scores(confusion: np.ndarray, things: Things, dataset: SegmentationDataset) -> dict:
    """The four means by name, and each class's and category's IoU and iIoU.

    `confusion` `[true, predicted]`. True pixels of classes that aren't scored are ignored; predictions of them are misses.
    """
    scored, categories = np.array(dataset.benchmark.scored), np.array(dataset.benchmark.categories)
    class_rows, category_rows = {}, {}
    for index in np.flatnonzero(scored):
        own = np.arange(len(scored)) == index
        iou = _iou(confusion, own, own, scored)
        iiou = _weighted_iou(confusion, own, scored, things.found, things.total) if things.size_of[index] else np.nan
        class_rows[dataset.classes[index]] = {"iou": iou, "iiou": iiou}
    for name in dict.fromkeys(categories[scored]):
        members = categories == name
        of_things = all(dataset.classes[index] in dataset.benchmark.instance_sizes for index in np.flatnonzero(members))
        iiou = _weighted_iou(confusion, members, scored, things.found_in_category, things.total) if of_things else np.nan
        category_rows[str(name)] = {"iou": _iou(confusion, members & scored, members, scored), "iiou": iiou}
    means = {f"{kind}_{score}": _mean(row[score] for row in rows.values())
             for kind, rows in (("class", class_rows), ("category", category_rows)) for score in ("iou", "iiou")}
    return {**means, "classes": class_rows, "categories": category_rows}


def _iou(confusion: np.ndarray, own: np.ndarray, group: np.ndarray, scored: np.ndarray) -> float:
    hits = confusion[own][:, own].sum()
    return _share(hits, confusion[own].sum() + confusion[scored & ~group][:, own].sum())


def _weighted_iou(confusion: np.ndarray, group: np.ndarray, scored: np.ndarray, found: np.ndarray, total: np.ndarray) -> float:
    return _share(found[group].sum(), total[group].sum() + confusion[scored & ~group][:, group].sum())


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _mean(values) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
