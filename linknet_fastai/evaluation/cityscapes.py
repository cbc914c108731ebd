"""The Cityscapes benchmark's four scores: IoU and iIoU, of classes and of categories.

iIoU is IoU in which each pixel of an instance counts by the class's average size over the instance's own, so that a far
car counts as much as a near one (Cordts et al., arXiv 1604.01685, sec. 4.1).
"""

import numpy as np
from torch import Tensor

from ..dataloaders.decode import Sample
from ..datasets.dataset import SegmentationDataset, other_size
from ..datasets.mask_file import read_mask_file
from ..errors import UserError
from ..images.mask import VOID
from .scores import mean, ratio

CROWD = 1000  # an instance's id is 1000 times the class's id and a number; smaller ids are of groups


class InstanceIoU:
    """Counts the weighted pixels of the instances of each class over the images of `samples`.

    `total` `[C]` are all, `found` those predicted as their class, `found_in_category` those predicted as a class of
    their category. They are nan from the first image on whose file of instances is missing.
    """

    def __init__(self, dataset: SegmentationDataset, samples: list[Sample]):
        self.dataset, self.files = dataset, iter([sample.instances for sample in samples])
        labels, classes = dataset.cityscapes, dataset.classes
        sizes = [labels.instance_sizes.get(name, 0) * scored for name, scored in zip(classes, labels.scored)]
        self.size_of = np.array(sizes)  # 0: a class that isn't counted by instance
        self.category = np.array(labels.categories)
        self.total, self.found, self.found_in_category = np.zeros((3, len(classes)))

    def observe(self, predicted: Tensor, mask: Tensor):
        "Add what is predicted of the next image of `samples`, classes `[H,W]`; `mask` isn't needed."
        file = next(self.files)
        if not file.is_file():
            for sums in (self.total, self.found, self.found_in_category): sums[:] = np.nan
            return
        file = self.dataset.inside(file)
        instances = read_mask_file(file).indices(file)
        if instances.shape != predicted.shape:
            raise UserError(other_size(file, instances.shape, tuple(predicted.shape)))
        counted = self._is_counted(instances)
        instances, predicted = instances[counted], predicted.cpu().numpy()[counted]
        truth = self.dataset.classes_of(instances // CROWD)
        weight = self.size_of[truth] / np.bincount(instances)[instances] if len(instances) else np.zeros(0)
        self.total += self._by_class(truth, weight)
        self.found += self._by_class(truth, weight * (predicted == truth))
        self.found_in_category += self._by_class(truth, weight * (self.category[predicted] == self.category[truth]))

    def _is_counted(self, instances: np.ndarray) -> np.ndarray:
        classes = self.dataset.classes_of(np.arange(instances.max() + 1) // CROWD)
        known = (classes >= 0) & (classes != VOID)
        counted = known & (self.size_of[np.where(known, classes, 0)] > 0)
        counted[:CROWD + 1] = False
        return counted[instances]

    def _by_class(self, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return np.bincount(truth, weight, minlength=len(self.size_of))


def cityscapes_scores(confusion: np.ndarray, instances: InstanceIoU, dataset: SegmentationDataset) -> dict:
    """The benchmark's four means by name, and each class's and category's IoU and iIoU, from 0 to 1.

    `confusion` `[true, predicted]`, int64, and `instances` are of the same images. True pixels of classes that aren't
    scored are ignored; predictions of them are misses.
    """
    scored, categories = np.array(dataset.cityscapes.scored), np.array(dataset.cityscapes.categories)
    class_rows, category_rows = {}, {}
    for index in np.flatnonzero(scored):
        own = np.arange(len(scored)) == index
        iou, iiou = _iou(confusion, own, own, scored), np.nan
        if instances.size_of[index]: iiou = _weighted_iou(confusion, own, scored, instances.found, instances.total)
        class_rows[dataset.classes[index]] = {"iou": iou, "iiou": iiou}
    for name in dict.fromkeys(categories[scored]):
        members = categories == name
        iou, iiou = _iou(confusion, members & scored, members, scored), np.nan
        if all(dataset.classes[index] in dataset.cityscapes.instance_sizes for index in np.flatnonzero(members)):
            iiou = _weighted_iou(confusion, members, scored, instances.found_in_category, instances.total)
        category_rows[str(name)] = {"iou": iou, "iiou": iiou}
    means = {f"{kind}_{score}": mean(np.array([row[score] for row in rows.values()]))
             for kind, rows in (("class", class_rows), ("category", category_rows)) for score in ("iou", "iiou")}
    return {**means, "classes": class_rows, "categories": category_rows}


def _iou(confusion: np.ndarray, own: np.ndarray, group: np.ndarray, scored: np.ndarray) -> float:
    hits = confusion[own][:, own].sum()
    return float(ratio(hits, confusion[own].sum() + confusion[scored & ~group][:, own].sum()))


def _weighted_iou(confusion: np.ndarray, group: np.ndarray, scored: np.ndarray, found: np.ndarray,
                  total: np.ndarray) -> float:
    return float(ratio(found[group].sum(), total[group].sum() + confusion[scored & ~group][:, group].sum()))
