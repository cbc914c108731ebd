"Random crops of large images at their own resolution: where they lie in a pass, and what is read for them."

import math
import random
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import Note, hxw
from ..images.mask import VOID
from ..recipes import Recipe
from ..runtime.distributed import is_main_process
from .augment import whole_strides
from .decode import Sample, Size
from .rare_pixels import RarePixels


class Crops:
    """Where the crops of a pass through images lie; each is known by the pixel at its center.

    Pixels are numbered through all images, row by row, so that a crop is one number. A pass has as many crops as have
    the area of all images, to the nearest number of rows and columns of them.

    Args:
        samples: the images and masks, at their own resolution.
        recipe: `crop`, rounded down to whole strides, is the crops' size; `rare_crops` is the part of them that is
            centered on a pixel of a class drawn evenly from those that the masks hold; how images are warped says what
            is read around a crop.
        num_classes: how many classes the masks may hold.

    A `Note` tells where a crop is higher and wider than all images.
    """

    def __init__(self, samples: list[Sample], recipe: Recipe, num_classes: int):
        self.samples, self.size, self.window = samples, whole_strides(recipe.crop), window_size(recipe)
        self.sizes = [tuple(sample.image.shape[-2:]) for sample in samples]
        if is_main_process(): _note_void_around_all(self.sizes, self.size)
        self.ends = np.cumsum([height * width for height, width in self.sizes])
        self.rare_crops = recipe.rare_crops
        self.rare = RarePixels(samples, num_classes) if self.rare_crops else None

    def __len__(self) -> int:
        return sum(math.prod(self._grid(size)) for size in self.sizes)

    def _grid(self, size: Size) -> Size:
        "How many crops of an image of `size` are below and beside each other."
        return tuple(max(1, round(length / crop)) for length, crop in zip(size, self.size))

    def draw(self, rng: random.Random) -> list[int]:
        """The centers of a pass, in random order.

        They lie evenly in each image, in a grid that is shifted at random, so that a pass sees all of it about once.
        """
        numbers = np.random.default_rng(rng.getrandbits(64))
        starts = [0, *self.ends[:-1]]
        centers = np.concatenate([start + self._shifted_grid(size, numbers) for start, size in zip(starts, self.sizes)])
        if self.rare:
            for place in np.flatnonzero(numbers.random(len(centers)) < self.rare_crops):
                number, pixel = self.rare.draw(numbers)
                centers[place] = starts[number] + pixel
        return numbers.permutation(centers).tolist()

    def _shifted_grid(self, size: Size, numbers: np.random.Generator) -> np.ndarray:
        "One pixel in each cell of a grid of an image of `size`, all at the same place in their cells."
        rows, columns = ((np.arange(count) + numbers.random()) * length / count
                         for count, length in zip(self._grid(size), size))
        return (rows.astype(np.int64)[:, None] * size[1] + columns.astype(np.int64)).ravel()

    def sample_at(self, center: int) -> Sample:
        "Image and mask around a crop: `window`, whose middle the crop is; beyond the image it is mirrored, and void."
        number = int(np.searchsorted(self.ends, center, side="right"))
        sample, size = self.samples[number], self.sizes[number]
        pixel = divmod(center - (self.ends[number - 1] if number else 0), size[1])
        rows, columns = (_window(int(place), *lengths) for place, *lengths in zip(pixel, size, self.size, self.window))
        return Sample(region_name(sample.path, rows.span, columns.span), _mirrored(sample.image, rows, columns),
                      _void_beyond(sample.mask, rows, columns))


def _note_void_around_all(sizes: list[Size], crop: Size):
    if any(length >= side for size in sizes for length, side in zip(size, crop)): return
    largest = max(sizes, key=math.prod)
    warnings.warn(Note(f"crops of {hxw(crop)} are higher and wider than all images, the largest of {hxw(largest)}, and "
                       "void around them; pass no more than that with `--crop`, or leave it out"), stacklevel=4)


def window_size(recipe: Recipe) -> Size:
    """(height, width) of what an output of the recipe's crop size shows at most of an image, however it is warped.

    The output's corner is the farthest from its middle: `random_affine` turns, shears and shrinks it.
    """
    height, width = whole_strides(recipe.crop)
    sin = math.sin(math.radians(min(recipe.rotation, 90)))
    rows = height + sin * (width + recipe.shear * height)
    columns = width + height * (recipe.shear + sin)
    return tuple(math.ceil(length / recipe.scale[0]) for length in (rows, columns))


def region_name(path, rows: tuple[int, int], columns: tuple[int, int]):
    "The path of a file with a region of its image, as slices: `city.tif[0:512,384:896]`."
    return path.with_name(f"{path.name}[{rows[0]}:{rows[1]},{columns[0]}:{columns[1]}]")


@dataclass(frozen=True)
class Extent:
    "Rows or columns of an image, `span` (first, behind), and how many are missing `before` and `after` them."

    span: tuple[int, int]
    before: int
    after: int


def _window(center: int, length: int, crop: int, window: int) -> Extent:
    "`window` places around the crop at `center`, which lies within `length` as far as it fits in."
    half = crop / 2
    center = min(max(center + 0.5, half), length - half) if length >= crop else length / 2
    start = round(center - window / 2)
    stop = start + window
    return Extent((max(start, 0), min(stop, length)), max(-start, 0), max(stop - length, 0))


def _mirrored(image: torch.Tensor, rows: Extent, columns: Extent) -> torch.Tensor:
    inside = image[:, slice(*rows.span), slice(*columns.span)].numpy()
    around = [(0, 0), *((each.before, each.after) for each in (rows, columns))]
    return torch.from_numpy(np.pad(inside, around, mode="symmetric"))  # a copy in any case


def _void_beyond(mask: torch.Tensor, rows: Extent, columns: Extent) -> torch.Tensor:
    inside = mask[slice(*rows.span), slice(*columns.span)].numpy()
    around = [(each.before, each.after) for each in (rows, columns)]
    return torch.from_numpy(np.pad(inside, around, constant_values=VOID))
