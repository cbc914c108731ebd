"What every dataset is: classes with colors, and one table of images, masks and splits."

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ..errors import UserError, check_choice
from ..images import VOID, open_image, read_image

SPLITS = ("train", "val", "test")

Color = tuple[int, int, int]  # red, green, blue, 0 to 255
Palette = tuple[Color, ...]


@dataclass(frozen=True)
class CityscapesLabels:
    """What the Cityscapes benchmark scores beside classes: categories, and instances whatever their size.

    `ids` has the number of each class in the benchmark's own files, `categories` its category, `scored` whether it
    counts. `instance_sizes` are the average pixels of one instance by class, of the classes that are counted by
    instance.
    """

    ids: tuple[int, ...]
    categories: tuple[str, ...]
    scored: tuple[bool, ...]
    instance_sizes: Mapping[str, float]


@dataclass(frozen=True)
class DatasetOptions:
    """How a dataset is opened, beside its name and its folder.

    `protocol` names the classes to train, such as `camvid11`. `images` and `masks` are the names of the parts of a
    `folder`. The classes whose names are in `ignore` are void.
    """

    protocol: str | None = None
    images: str | None = None
    masks: str | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentationDataset:
    """Images with a class for every pixel.

    `table` has the columns `image`, `mask` (paths; no mask where there is none to be had) and `split` (`train`, `val`
    or `test`), and `instances` where the dataset numbers instances.
    `values` takes each pixel that a mask file may hold, an index or a color, to its class, or to `VOID`.
    `defaults` are the recipe's fields that this dataset wants otherwise. `root` is its folder: nothing outside is read.
    `options` are the fields of `DatasetOptions` that open it again. `note` is what its user should know.
    """

    name: str
    protocol: str
    classes: tuple[str, ...]
    palette: Palette
    table: pd.DataFrame
    values: Mapping[int, int] | Mapping[Color, int]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    root: Path | None = None
    cityscapes: CityscapesLabels | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def splits(self) -> list[str]:
        "The names of the splits that it has."
        return [split for split in SPLITS if split in set(self.table.split)]

    def split(self, name: str) -> pd.DataFrame:
        "The rows of one split; `UserError` where there are none, or they have no masks."
        check_choice(f"{self.name}'s split", name, self.splits)
        rows = self.table[self.table.split == name]
        if rows["mask"].isna().any():
            raise UserError(f"the {name} images of {self.name} have no masks to train on or to score by; "
                            "`linknet-fastai predict` segments them.")
        return rows

    def ignoring(self, names: Sequence[str]) -> "SegmentationDataset":
        """The dataset without the classes of these names, whose pixels are void.

        `UserError` for what is no class, and where none would be left.
        """
        for name in names: check_choice("class", name, self.classes)
        kept = [index for index, name in enumerate(self.classes) if name not in names]
        if not kept: raise UserError(f"all classes of {self.protocol} are ignored; leave one to train on.")
        new_index = {old: new for new, old in enumerate(kept)}
        def part(of: tuple) -> tuple: return tuple(of[index] for index in kept)
        labels = self.cityscapes and replace(self.cityscapes, **{
            name: part(getattr(self.cityscapes, name)) for name in ("ids", "categories", "scored")})
        return replace(self, protocol=f"{self.protocol} without {', '.join(names)}", cityscapes=labels,
                       classes=part(self.classes), palette=part(self.palette),
                       values={value: new_index.get(index, VOID) for value, index in self.values.items()},
                       options={**self.options, "ignore": list(names)})

    def read_image(self, path: Path) -> Image.Image:
        "An image file as an upright RGB image; `UserError` where it can't be read, or lies outside `root`."
        return read_image(self.inside(path))

    def read_mask(self, path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Classes and `VOID` of a mask file, uint8 `[H,W]`.

        `size` (height, width) is its image's. `UserError` where it differs, or a pixel's value is no class.
        """
        pixels = mask_pixels(self.inside(path), self.in_color)
        if size is not None and pixels.shape != size: raise UserError(other_size(path, pixels.shape, size))
        mask = self._lookup[pixels]
        if (mask < 0).any(): raise UserError(self.no_class(path, np.unique(pixels[mask < 0])))
        return mask.astype(np.uint8)

    def inside(self, path: Path) -> Path:
        "`path`; `UserError` where no file is there, or a symbolic link that leads out of `root`."
        return inside(self.root, path)

    @property
    def in_color(self) -> bool:
        "Whether its masks are read as colors, not as indices."
        return isinstance(next(iter(self.values)), tuple)

    def classes_of(self, pixels: np.ndarray) -> np.ndarray:
        "The class of each index or 24-bit color, int16 of the shape of `pixels`: `VOID` for void, -1 for no class."
        return self._lookup[pixels]

    def no_class(self, path: Path, pixels: np.ndarray) -> str:
        "The message about a mask file that holds these pixels, which are no class."
        unknown = [_named(value, self.in_color) for value in pixels[:8]] + ["more"] * (len(pixels) > 8)
        return (f"{path}: holds {'the colors' if self.in_color else 'the values'} {', '.join(unknown)}, "
                f"which are no class of {self.protocol}; correct the mask.")

    @cached_property
    def _lookup(self) -> np.ndarray:
        "Class of each index, or of each 24-bit color; -1 where it has none."
        lookup = np.full(1 << 24 if self.in_color else 1 << 8, -1, dtype=np.int16)
        for value, index in self.values.items(): lookup[_packed(value) if self.in_color else value] = index
        return lookup


def inside(root: Path | None, path: Path) -> Path:
    "`path`; `UserError` where no file is there, or a symbolic link that leads out of `root`."
    if not path.is_file(): raise UserError(f"{path}: there is no such file; add it, or take its partner out.")
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{path}: is a link to a file outside {root}; put the file itself there.")
    return path


def read_lines(root: Path, path: Path) -> list[str]:
    "The lines of a text file below `root`, whatever ends them; `UserError` where it is no text."
    try: return inside(root, path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error: raise UserError(f"{path}: is no text ({error}); save it as UTF-8.") from error


def mask_pixels(path: Path, in_color: bool) -> np.ndarray:
    """A mask file's pixels `[H,W]`: indices, uint8, or with `in_color` 24-bit RGB numbers, int32.

    `UserError` where it can't be read, or isn't of that kind.
    """
    return _colors_of(path) if in_color else _indices_of(path)


def other_size(path: Path, size: tuple[int, int], wanted: tuple[int, int]) -> str:
    "The message about a mask file of `size` (height, width) whose image is of size `wanted`."
    return f"{path}: the mask is {hxw(size)}, its image {hxw(wanted)}; make them the same size."


def _indices_of(path: Path) -> np.ndarray:
    image = open_image(path)
    if image.mode not in ("L", "P", "1"):
        raise UserError(f"{path}: is an image of mode {image.mode}, but a mask has one class index a pixel "
                        "(an 8-bit gray or palette PNG); convert it.")
    return np.asarray(image, dtype=np.uint8)


def _colors_of(path: Path) -> np.ndarray:
    return _packed(np.moveaxis(np.asarray(open_image(path).convert("RGB"), dtype=np.int32), -1, 0))


def _packed(color):
    red, green, blue = color
    return red << 16 | green << 8 | blue


def unpacked(color: int) -> Color:
    "The RGB color of a 24-bit number."
    return color >> 16, color >> 8 & 255, color & 255


def _named(value: int, in_color: bool) -> str:
    return str(unpacked(int(value)) if in_color else value)


def hxw(size: tuple[int, int]) -> str:
    "`HxW` of a size (height, width)."
    return f"{size[0]}x{size[1]}"
