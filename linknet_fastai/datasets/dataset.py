"What every data set is: classes with colours, and one table of pictures, masks and splits."

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import UserError
from ..pictures import read_picture

VOID = 255  # what is no class: unlabelled, ignored by loss and scores, never predicted

Colour = tuple[int, int, int]
Palette = tuple[Colour, ...]


@dataclass(frozen=True)
class SegmentationDataset:
    """Pictures with a class for every pixel.

    `table` has the columns `image`, `mask` (paths) and `split` (`train`, `val` or `test`).
    `values` takes each pixel that a mask file may hold, an index or a colour, to its class, or to `VOID`.
    `defaults` are the recipe's fields that this data set wants otherwise. `root` is its folder.
    """

    name: str
    protocol: str
    classes: tuple[str, ...]
    palette: Palette
    table: pd.DataFrame
    values: Mapping[int, int] | Mapping[Colour, int]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    root: Path | None = None

    @property
    def splits(self) -> list[str]:
        return list(self.table.split.unique())

    def split(self, name: str) -> pd.DataFrame:
        "The rows of one split; `UserError` where there are none."
        rows = self.table[self.table.split == name]
        if rows.empty:
            raise UserError(f"{self.name} has no split {name!r} here, only {', '.join(self.splits)}; name one of those.")
        return rows

    def read_mask(self, path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Classes and `VOID` of a mask file, uint8 `[H,W]`.

        `size` (height, width) is its picture's. `UserError` where it differs, or a pixel's value is no class.
        """
        pixels = _colours_of(path) if self._in_colour else _indices_of(path)
        if size is not None and pixels.shape != size:
            raise UserError(f"{path}: the mask is {_hxw(pixels.shape)}, its picture {_hxw(size)}; make them the same size.")
        mask = self._lookup[pixels]
        if (mask < 0).any():
            unknown = [_named(value, self._in_colour) for value in np.unique(pixels[mask < 0])]
            raise UserError(f"{path}: holds {'the colours' if self._in_colour else 'the values'} {', '.join(unknown[:8])}, "
                            f"which are no class of {self.protocol}; correct the mask.")
        return mask.astype(np.uint8)

    @property
    def _in_colour(self) -> bool:
        return isinstance(next(iter(self.values)), tuple)

    @cached_property
    def _lookup(self) -> np.ndarray:
        "Class of each index, or of each 24-bit colour; -1 where it has none."
        lookup = np.full(1 << 24 if self._in_colour else 1 << 8, -1, dtype=np.int16)
        for value, index in self.values.items(): lookup[_packed(value) if self._in_colour else value] = index
        return lookup


def _indices_of(path: Path) -> np.ndarray:
    picture = read_picture(path)
    if picture.mode not in ("L", "P", "1"):
        raise UserError(f"{path}: is a picture of mode {picture.mode}, but a mask has one class index a pixel "
                        "(an 8-bit grey or palette PNG); convert it.")
    return np.asarray(picture, dtype=np.uint8)


def _colours_of(path: Path) -> np.ndarray:
    "24-bit RGB numbers `[H,W]`."
    return _packed(np.moveaxis(np.asarray(read_picture(path).convert("RGB"), dtype=np.int32), -1, 0))


def _packed(colour):
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def _named(value: int, in_colour: bool) -> str:
    return f"({value >> 16}, {value >> 8 & 255}, {value & 255})" if in_colour else str(value)


def _hxw(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
