"Image and mask files to arrays in memory, once."

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
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
    own_sizes = [image_size(dataset.inside(path)) for path in rows["image"]]
    scaled_sizes = [scaled_size(own, size) for own in own_sizes] if size else own_sizes
    canvas = tuple(map(max, zip(*scaled_sizes))) if size and for_training else None
    image_sizes = [canvas] * len(rows) if canvas else scaled_sizes
    mask_sizes = image_sizes if canvas else own_sizes
    counts = [count for (height, width), (mask_height, mask_width) in zip(image_sizes, mask_sizes)
              for count in (dataset.channels * height * width, mask_height * mask_width)]
    ends = np.cumsum(counts)

    def views(content: np.ndarray) -> list[np.ndarray]: return np.split(content, ends[:-1])

    def fill(content: np.ndarray):
        parts = views(content)
        decode = partial(_decode, dataset, canvas) if size else partial(_decode_by_rows, dataset)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(decode, rows["image"], rows["mask"], scaled_sizes, parts[::2], parts[1::2]): pass

    name = f"{dataset.root} {rows.split.iloc[0]} {canvas is None} {size is None}"
    content = cached(name, _key(dataset, rows, size, canvas), ends[-1], fill, in_memory=size is not None)
    parts = [torch.from_numpy(part) for part in views(content)]
    instances = rows.get("instances", repeat(None))
    samples = [Sample(path, image.view(dataset.channels, *image_shape), mask.view(*mask_shape), instances_file)
               for path, image, image_shape, mask, mask_shape, instances_file
               in zip(rows["image"], parts[::2], image_sizes, parts[1::2], mask_sizes, instances)]
    if all((sample.mask == VOID).all() for sample in samples):
        raise UserError(f"{rows['mask'].iloc[0]}: this mask and all others of its split are void only; "
                        "add masks with pixels of a class.")
    return samples


def _decode(dataset: SegmentationDataset, canvas: Size | None, image_path: Path, mask_path: Path, scaled: Size,
            image_out: np.ndarray, mask_out: np.ndarray):
    "A sample's files into flat arrays: the image of size `scaled`, the mask as it is; or both on a `canvas`."
    image = dataset.read_pixels(image_path)
    mask = dataset.read_mask(mask_path, size=image.shape[:2])
    pixels = resized(image, scaled)
    if canvas: pixels, mask = _on_canvas(pixels, _resized_mask(mask, scaled), canvas)
    image_out[:], mask_out[:] = pixels.ravel(), mask.ravel()


def _decode_by_rows(dataset: SegmentationDataset, image_path: Path, mask_path: Path, size: Size, image_out: np.ndarray,
                    mask_out: np.ndarray):
    "A sample's files into flat arrays at their own `size`, the image some rows at a time: it may be a large one."
    pixels = dataset.open_pixels(image_path)
    planes = image_out.reshape(pixels.shape[2], *size)
    for top in range(0, size[0], ROWS): planes[:, top:top + ROWS] = pixels[top:top + ROWS].transpose(2, 0, 1)
    mask_out[:] = dataset.read_mask(mask_path, size=size).ravel()


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
