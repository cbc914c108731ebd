"Images that are decoded when a batch asks for them."

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastcore.foundation import L

from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..images.format import ImageFormat
from ..images.header import image_size
from ..images.resize import resized, scaled_size
from .decode import Sample, Size


class LazySample:
    """An image, and its mask where it has one, that are decoded each time they are asked for.

    `source` is a path, a Pillow image, or an array, as `format` reads it. With a `size` the image has as many pixels as
    that (height, width). `read_mask` gives the mask, uint8 `[h,w]`, for the image's own (height, width); None where
    there is no mask.
    """

    instances = None

    def __init__(self, source: Any, size: Size | None, format: ImageFormat = ImageFormat(),
                 read_mask: Callable[[Size], np.ndarray] | None = None):
        self.source, self.size, self.format, self.read_mask = source, size, format, read_mask

    def _pixels(self) -> np.ndarray: return self.format.read(self.source)

    @property
    def path(self) -> Path:
        "The file, or what stands for an image that has none."
        return Path(self.source) if isinstance(self.source, str | Path) else Path(type(self.source).__name__)

    @property
    def sizes(self) -> tuple[Size, Size | None]:
        "Of the image and of the mask, without decoding a file."
        own = self._own_size()
        return self._scaled(own), own if self.read_mask else None

    def _own_size(self) -> Size:
        return image_size(self.source) if isinstance(self.source, str | Path) else self._pixels().shape[:2]

    @property
    def image(self) -> torch.Tensor:
        "uint8 `[C,H,W]` in the image's own shape; `UserError` where the source can't be read."
        pixels = self._pixels()
        return torch.tensor(resized(pixels, self._scaled(pixels.shape[:2])))

    def _scaled(self, own: Size) -> Size: return scaled_size(own, self.size) if self.size else own

    @property
    def mask(self) -> torch.Tensor | None:
        "uint8 `[h,w]` with void, at its own size; None where there is none."
        if self.read_mask is None: return None
        return torch.from_numpy(self.read_mask(self._own_size()))


def unlabeled_samples(items: Any, dataset: SegmentationDataset, size: Size | None) -> list[LazySample]:
    """One image or several like those of `dataset`, as `to_rgb` takes them, as samples without masks.

    `size` is (height, width). `UserError` where there are none.
    """
    return [item if _is_sample(item) else LazySample(item, size, dataset.image_format) for item in _listed(items)]


def labeled_samples(items: Any, dataset: SegmentationDataset, size: Size | None) -> list[Sample | LazySample]:
    """Image files of `dataset`, or tuples of an image file and its mask file, as samples with masks.

    `size` is (height, width). `UserError` where there are none, and for an image whose mask isn't known.
    """
    return [item if _is_sample(item) else _labeled(item, dataset, size) for item in _listed(items)]


def _is_sample(item: Any) -> bool:
    "fastai's interpretation hands on the samples that a dataloader has."
    return isinstance(item, Sample | LazySample)


def _listed(items: Any) -> list:
    items = list(items) if isinstance(items, list | tuple | L) else [items]
    if not items: raise UserError("there are no images to predict, the list is empty; pass a path, an image or an "
                                  "array.")
    return items


def _labeled(item: Any, dataset: SegmentationDataset, size: Size | None) -> LazySample:
    image, mask = item if isinstance(item, tuple) else (item, _mask_of(item, dataset))
    return LazySample(image, size, dataset.image_format, lambda image_size: dataset.read_mask(Path(mask), image_size))


def _mask_of(image: Any, dataset: SegmentationDataset) -> Path:
    "The mask file that the dataset has for an image file."
    if not isinstance(image, str | Path):
        raise UserError(f"a {type(image).__name__} has no mask; with labels pass image files of the dataset, or tuples "
                        "of image and mask file.")
    rows = dataset.table[dataset.table.image == Path(image)]
    if rows.empty or rows["mask"].isna().any():
        raise UserError(f"{image}: has no mask in {dataset.name}; pass it as a tuple of image and mask file.")
    return rows["mask"].iloc[0]
