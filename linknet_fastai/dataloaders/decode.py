"Image and mask files to arrays in memory, once."

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import repeat
from math import prod
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from ..datasets.dataset import SegmentationDataset
from ..datasets.scan import file_state
from ..errors import UserError
from ..images.header import image_size
from ..images.mask import VOID
from ..images.resize import resized, scaled_size
from .cache import cached

FORMAT = 2  # of decoded samples: raise it whenever the same files and values give other pixels
ROWS, PART = 512, 1 << 22  # rows that are copied, and pixels that are counted, at once
Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Sample:
    "An image file, decoded: the image, uint8 `[C,H,W]`, and its mask, uint8 `[h,w]` with void, if it has one."

    path: Path
    image: torch.Tensor
    mask: torch.Tensor | None = None
    instances: Path | None = None  # the file that numbers instances, where the dataset has one

    @property
    def sizes(self) -> tuple[Size, Size | None]:
        "Of the image and of the mask."
        return tuple(self.image.shape[-2:]), None if self.mask is None else tuple(self.mask.shape)


def common_size(dataset: SegmentationDataset) -> Size:
    "The (height, width) that most images of the dataset have."
    sizes = Counter(image_size(dataset.inside(path)) for path in dataset.table.image)
    return sizes.most_common(1)[0][0]


def decode_samples(dataset: SegmentationDataset, rows: pd.DataFrame, size: Size | None,
                   for_training: bool = False) -> list[Sample]:
    """Rows of the dataset's table, decoded in parallel.

    Args:
        dataset: says what the values in its masks are.
        rows: some of its table.
        size: each image has as many pixels as this (height, width), in its own shape; None for images at their own
            resolution, which are read from a file that is mapped into memory.
        for_training: masks are of their images' size, and images of different shapes are laid on one canvas, around
            which masks are void; else masks are as their files have them.

    Raises `UserError` for the first file that can't be read or doesn't fit, and where no mask holds a class.
    """
    layout = _Layout.of(dataset, rows, size, for_training)
    decode = partial(_decode, dataset, layout.canvas) if size else partial(_decode_by_rows, dataset)

    def fill(content: np.ndarray):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(decode, rows["image"], rows["mask"], layout.scaled, *layout.views(content)): pass

    name = f"{dataset.root} {rows.split.iloc[0]} {layout.canvas is None} {size is None}"
    key = _key(dataset, rows, size, layout.canvas)
    images, masks = layout.views(cached(name, key, layout.length, fill, in_memory=size is not None))
    samples = [Sample(path, torch.from_numpy(image), torch.from_numpy(mask), instances)
               for path, image, mask, instances
               in zip(rows["image"], images, masks, rows.get("instances", repeat(None)))]
    if all((sample.mask == VOID).all() for sample in samples):
        raise UserError(f"{rows['mask'].iloc[0]}: this mask and all others of its split are void only; "
                        "add masks with pixels of a class.")
    return samples


@dataclass(frozen=True)
class _Layout:
    "Where samples lie in one array: the sizes of images and masks, and of images before they are laid on a `canvas`."

    channels: int
    scaled: list[Size]
    images: list[Size]
    masks: list[Size]
    canvas: Size | None

    @classmethod
    def of(cls, dataset: SegmentationDataset, rows: pd.DataFrame, size: Size | None, for_training: bool) -> "_Layout":
        "The arguments are those of `decode_samples`."
        own = [image_size(dataset.inside(path)) for path in rows["image"]]
        scaled = [scaled_size(each, size) for each in own] if size else own
        if not (size and for_training): return cls(dataset.channels, scaled, scaled, own, None)
        canvas = tuple(map(max, zip(*scaled)))
        return cls(dataset.channels, scaled, [canvas] * len(own), [canvas] * len(own), canvas)

    @property
    def length(self) -> int:
        "Of the array: each image's values, and behind them its mask's."
        return self._ends[-1]

    def views(self, content: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        "The images `[C,H,W]` and the masks `[h,w]` in the array `content`."
        parts = np.split(content, self._ends[:-1])
        return ([part.reshape(self.channels, *size) for part, size in zip(parts[::2], self.images)],
                [part.reshape(size) for part, size in zip(parts[1::2], self.masks)])

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([count for image, mask in zip(self.images, self.masks)
                          for count in (self.channels * prod(image), prod(mask))])


def _decode(dataset: SegmentationDataset, canvas: Size | None, image_path: Path, mask_path: Path, scaled: Size,
            image_out: np.ndarray, mask_out: np.ndarray):
    "A sample's files into arrays: the image of size `scaled`, the mask as it is; or both on a `canvas`."
    image = dataset.read_pixels(image_path)
    mask = dataset.read_mask(mask_path, size=image.shape[:2])
    pixels = resized(image, scaled)
    if canvas: pixels, mask = _on_canvas(pixels, _resized_mask(mask, scaled), canvas)
    image_out[:], mask_out[:] = pixels, mask


def _decode_by_rows(dataset: SegmentationDataset, image_path: Path, mask_path: Path, size: Size, image_out: np.ndarray,
                    mask_out: np.ndarray):
    "A sample's files into arrays at their own `size`, the image some rows at a time: it may be a large one."
    pixels = dataset.open_pixels(image_path)
    for top in range(0, size[0], ROWS): image_out[:, top:top + ROWS] = pixels[top:top + ROWS].transpose(2, 0, 1)
    mask_out[:] = dataset.read_mask(mask_path, size=size)


def class_counts(masks: list[np.ndarray], num_classes: int) -> np.ndarray:
    "The pixels of each class in each mask, `[N,C]`, void left out."
    def count(mask: np.ndarray) -> np.ndarray:
        parts = np.array_split(mask.ravel(), -(-mask.size // PART))
        return sum(np.bincount(part, minlength=VOID + 1) for part in parts)[:num_classes]
    return np.stack([count(mask) for mask in masks])


def _key(dataset: SegmentationDataset, rows: pd.DataFrame, *made: Size | None) -> bytes:
    "All that the decoded pixels depend on."
    files = [(str(path), file_state(path)) for path in [*rows["image"], *rows["mask"]]]
    return repr((FORMAT, made, sorted(dataset.values.items()), dataset.image_format, files)).encode()


def _resized_mask(mask: np.ndarray, size: Size) -> np.ndarray:
    if mask.shape == size: return mask
    return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST))


def _on_canvas(image: np.ndarray, mask: np.ndarray, canvas: Size) -> tuple[np.ndarray, np.ndarray]:
    "An image `[C,h,w]`, mirrored at its borders, and its mask `[h,w]`, void beyond them, in the middle of a `canvas`."
    if mask.shape == canvas: return image, mask
    around = [((whole - part) // 2, whole - part - (whole - part) // 2) for whole, part in zip(canvas, mask.shape)]
    return np.pad(image, [(0, 0), *around], mode="symmetric"), np.pad(mask, around, constant_values=VOID)
