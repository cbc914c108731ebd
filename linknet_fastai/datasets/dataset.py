"What every data set is: classes with colours, and one table of pictures, masks and splits."

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ..errors import UserError
from ..pictures import read_image, read_picture

SPLITS = ("train", "val", "test")

Colour = tuple[int, int, int]
Palette = tuple[Colour, ...]


@dataclass(frozen=True)
class Benchmark:
    """What the Cityscapes benchmark scores beside classes: categories, and single things whatever their size.

    `ids` has the number of each class in the benchmark's own files, `categories` its category, `scored` whether it counts.
    `instance_sizes` are the average pixels of one thing of a class, for the classes that are counted by thing.
    """

    ids: tuple[int, ...]
    categories: tuple[str, ...]
    scored: tuple[bool, ...]
    instance_sizes: Mapping[str, float]


@dataclass(frozen=True)
class SegmentationDataset:
    """Pictures with a class for every pixel.

    `table` has the columns `image`, `mask` (paths; no mask where there is none to be had) and `split` (`train`, `val` or
    `test`), and `instances` where the data set numbers single things.
    `values` takes each pixel that a mask file may hold, an index or a colour, to its class, or to `VOID`.
    `defaults` are the recipe's fields that this data set wants otherwise. `root` is its folder: nothing outside is read.
    `options` open it again, beside name, root and protocol. `note` is what its user should know.
    """

    name: str
    protocol: str
    classes: tuple[str, ...]
    palette: Palette
    table: pd.DataFrame
    values: Mapping[int, int] | Mapping[Colour, int]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    root: Path | None = None
    benchmark: Benchmark | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def splits(self) -> list[str]:
        return [split for split in SPLITS if split in set(self.table.split)]

    def split(self, name: str) -> pd.DataFrame:
        "The rows of one split; `UserError` where there are none, or they have no masks."
        rows = self.table[self.table.split == name]
        if rows.empty:
            raise UserError(f"{self.name} has no split {name!r} here, only {', '.join(self.splits)}; name one of those.")
        if rows["mask"].isna().any():
            raise UserError(f"the {name} pictures of {self.name} have no masks to train on or to score by; `linknet-fastai "
                            "predict` segments them.")
        return rows

    def read_image(self, path: Path) -> Image.Image:
        "An upright RGB picture; `UserError` where it can't be read, or lies outside `root`."
        return read_image(self.inside(path))

    def read_mask(self, path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Classes and `VOID` of a mask file, uint8 `[H,W]`.

        `size` (height, width) is its picture's. `UserError` where it differs, or a pixel's value is no class.
        """
        pixels = mask_pixels(self.inside(path), self.in_colour)
        if size is not None and pixels.shape != size: raise UserError(other_size(path, pixels.shape, size))
        mask = self._lookup[pixels]
        if (mask < 0).any(): raise UserError(self.no_class(path, np.unique(pixels[mask < 0])))
        return mask.astype(np.uint8)

    def inside(self, path: Path) -> Path:
        "`path`; `UserError` where no file is there, or a link that leads out of `root`."
        return inside(self.root, path)

    @property
    def in_colour(self) -> bool:
        "Whether its masks are read as colours, not as indices."
        return isinstance(next(iter(self.values)), tuple)

    def classes_of(self, pixels: np.ndarray) -> np.ndarray:
        "The class, `VOID` or -1 (none) of indices or 24-bit colours."
        return self._lookup[pixels]

    def no_class(self, path: Path, pixels: np.ndarray) -> str:
        "The sentence about a mask that holds such pixels."
        unknown = [_named(value, self.in_colour) for value in pixels[:8]] + ["more"] * (len(pixels) > 8)
        return (f"{path}: holds {'the colours' if self.in_colour else 'the values'} {', '.join(unknown)}, "
                f"which are no class of {self.protocol}; correct the mask.")

    @cached_property
    def _lookup(self) -> np.ndarray:
        "Class of each index, or of each 24-bit colour; -1 where it has none."
        lookup = np.full(1 << 24 if self.in_colour else 1 << 8, -1, dtype=np.int16)
        for value, index in self.values.items(): lookup[_packed(value) if self.in_colour else value] = index
        return lookup


def inside(root: Path | None, path: Path) -> Path:
    "`path`; `UserError` where no file is there, or a link that leads out of `root`."
    if not path.is_file(): raise UserError(f"{path}: there is no such file; add it, or take its partner out.")
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{path}: is a link to a file outside {root}; put the file itself there.")
    return path


def read_lines(root: Path, path: Path) -> list[str]:
    "The lines of a text file below `root`, whatever ends them; `UserError` where it is no text."
    try: return inside(root, path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error: raise UserError(f"{path}: is no text ({error}); save it as UTF-8.") from error


def mask_pixels(path: Path, in_colour: bool) -> np.ndarray:
    "A mask file as it is, `[H,W]`: indices, or 24-bit RGB numbers."
    return _colours_of(path) if in_colour else _indices_of(path)


def other_size(path: Path, size: tuple[int, int], wanted: tuple[int, int]) -> str:
    "The sentence about a mask that doesn't fit its picture."
    return f"{path}: the mask is {hxw(size)}, its picture {hxw(wanted)}; make them the same size."


def _indices_of(path: Path) -> np.ndarray:
    picture = read_picture(path)
    if picture.mode not in ("L", "P", "1"):
        raise UserError(f"{path}: is a picture of mode {picture.mode}, but a mask has one class index a pixel "
                        "(an 8-bit grey or palette PNG); convert it.")
    return np.asarray(picture, dtype=np.uint8)


def _colours_of(path: Path) -> np.ndarray:
    return _packed(np.moveaxis(np.asarray(read_picture(path).convert("RGB"), dtype=np.int32), -1, 0))


def _packed(colour):
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def unpacked(colour: int) -> Colour:
    "The RGB colour of a 24-bit number."
    return colour >> 16, colour >> 8 & 255, colour & 255


def _named(value: int, in_colour: bool) -> str:
    return str(unpacked(int(value)) if in_colour else value)


def hxw(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
