"Image and mask files to arrays in memory, once."

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..images import VOID, image_size
from .cache import cached

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Sample:
    "An image file, decoded: the image, uint8 `[3,H,W]`, and its mask, uint8 `[h,w]` with void, if it has one."

    path: Path
    image: torch.Tensor
    mask: torch.Tensor | None = None
    instances: Path | None = None  # the file that numbers instances, where the dataset has one


def common_size(dataset: SegmentationDataset) -> Size:
    "The (height, width) that most images of the dataset have."
    sizes = Counter(image_size(path) for path in dataset.table.image)
    return sizes.most_common(1)[0][0]


def decode_samples(dataset: SegmentationDataset, rows: pd.DataFrame, size: Size,
                   mask_size: Size | None = None) -> list[Sample]:
    """Rows of the dataset's table, decoded in parallel.

    Args:
        dataset: says what the values in its masks are.
        rows: some of its table.
        size: (height, width) of the images.
        mask_size: of the masks; each its own if not given.

    Raises `UserError` for the first file that can't be read or doesn't fit, and where no mask holds a class.
    """
    mask_sizes = [mask_size or image_size(dataset.inside(path)) for path in rows["mask"]]
    counts = [count for height, width in mask_sizes for count in (3 * size[0] * size[1], height * width)]
    ends = np.cumsum(counts)

    def views(content: np.ndarray) -> list[np.ndarray]: return np.split(content, ends[:-1])

    def fill(content: np.ndarray):
        parts = views(content)
        def decode(image_path: Path, mask_path: Path, image_out: np.ndarray, mask_out: np.ndarray):
            image = dataset.read_image(image_path)
            mask = dataset.read_mask(mask_path, size=(image.height, image.width))
            if mask_size is not None and mask.shape != mask_size:
                mask = np.asarray(Image.fromarray(mask).resize(mask_size[::-1], Image.Resampling.NEAREST))
            image_out[:] = resized_array(image, size).ravel()
            mask_out[:] = mask.ravel()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(decode, rows["image"], rows["mask"], parts[::2], parts[1::2]): pass

    name = f"{dataset.root} {rows.split.iloc[0]} {mask_size is None}"
    content = cached(name, _key(dataset, rows, size, mask_size), ends[-1], fill)
    parts = [torch.from_numpy(part) for part in views(content)]
    samples = [Sample(path, image.view(3, *size), mask.view(height, width), instances)
               for path, image, mask, (height, width), instances
               in zip(rows["image"], parts[::2], parts[1::2], mask_sizes, rows.get("instances", repeat(None)))]
    if all((sample.mask == VOID).all() for sample in samples):
        raise UserError(f"{rows['mask'].iloc[0]}: this mask and all others of its split are void only; "
                        "add masks with pixels of a class.")
    return samples


def class_frequencies(masks: list[np.ndarray], num_classes: int) -> np.ndarray:
    "Each class's frequency `[C]` among the pixels of `masks` that are not void, in sum 1; some pixel must be a class."
    counts = sum(np.bincount(mask.ravel(), minlength=VOID + 1) for mask in masks)[:num_classes]
    return counts / counts.sum()


def _key(dataset: SegmentationDataset, rows: pd.DataFrame, *made: Size | None) -> bytes:
    "All that the decoded pixels depend on."
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in [*rows["image"], *rows["mask"]]]
    return repr((made, sorted(dataset.values.items()), files)).encode()


def resized_array(image: Image.Image, size: Size) -> np.ndarray:
    "An RGB image as uint8 `[3,H,W]` of `size` (height, width), resized with antialiasing where it has another size."
    if (image.height, image.width) != size: image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)
