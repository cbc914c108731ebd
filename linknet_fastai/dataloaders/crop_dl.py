"Random crops of large images as batches."

from pathlib import Path

from fastai.data.core import Datasets

from ..images.tiling import Tiling
from .crops import Crops
from .segmentation_dl import SegmentationDL, largest_batch
from .tiles import tile_samples


class CropDL(SegmentationDL):
    """Training batches of `crops`; what a pass has as an index is the center of one (`Crops`).

    `dataset` holds the whole images, and a pass has more crops than that. fastai asks a dataset for each item by its
    place: here a crop is read, and goes through the same transforms.
    """

    def __init__(self, dataset: Datasets, crops: Crops, **kwargs):
        super().__init__(dataset, n=len(crops), **kwargs)
        self.crops = crops

    def new(self, dataset=None, cls=None, **kwargs) -> SegmentationDL:
        "fastai's; of other images it has no crops of these."
        if dataset is None: return super().new(dataset, cls, crops=self.crops, **kwargs)
        return super().new(dataset, cls or SegmentationDL, **kwargs)

    def get_idxs(self) -> list[int]:
        done = self.start[0] if self.start else 0
        self.sequence = self.crops.draw(self.rng)[done:self.pass_images]
        return self.sequence

    def create_item(self, index: int | None) -> tuple:
        sample = self.crops.sample_at(index or 0)
        return tuple(tfms._after_item(sample) for tfms in self.dataset.tls)

    def path(self, index: int) -> Path:
        return self.crops.sample_at(index).path

    def in_order(self) -> SegmentationDL:
        "The whole images by tiles of the crops' size, each pixel once, not augmented."
        samples = tile_samples(self.crops.samples, Tiling(self.crops.size))
        dataset = Datasets(tls=[tl._new(samples, split_idx=1) for tl in self.dataset.tls], n_inp=self.dataset.n_inp)
        return self.new(dataset, SegmentationDL, bs=largest_batch(samples, self.bs), shuffle=False, drop_last=False)
