"What every data set is: classes with colours, and one table of pictures, masks and splits."

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import UserError
from ..pictures import read_picture

VOID = 255  # what is no class: unlabelled, ignored by loss and scores, never predicted

Palette = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class SegmentationDataset:
    """Pictures with a class for every pixel.

    `table` has the columns `image`, `mask` (paths) and `split` (`train`, `val` or `test`).
    `values` takes each pixel value that a mask file may hold to its class, or to `VOID`.
    `defaults` are the recipe's fields that this data set wants otherwise. `root` is its folder.
    """

    name: str
    protocol: str
    classes: tuple[str, ...]
    palette: Palette
    table: pd.DataFrame
    values: Mapping[int, int]
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

        `size` (height, width) is its picture's. `UserError` where it differs, or a value is no class.
        """
        picture = read_picture(path)
        if picture.mode not in ("L", "P", "1"):
            raise UserError(f"{path}: is a picture of mode {picture.mode}, but a mask has one class index a pixel "
                            "(an 8-bit grey or palette PNG); convert it.")
        mask = np.asarray(picture, dtype=np.uint8)
        if size is not None and mask.shape != size:
            raise UserError(f"{path}: the mask is {_hxw(mask.shape)}, its picture {_hxw(size)}; make them the same size.")
        unknown = np.flatnonzero(np.bincount(mask.ravel(), minlength=256) * (self._lookup < 0))
        if len(unknown):
            raise UserError(f"{path}: holds the values {', '.join(map(str, unknown))}, which are no class of "
                            f"{self.protocol}; correct the mask.")
        return self._lookup[mask].astype(np.uint8)

    @property
    def _lookup(self) -> np.ndarray:
        "Class of each of the 256 pixel values, -1 where it has none."
        lookup = np.full(256, -1, dtype=np.int16)
        lookup[list(self.values)] = list(self.values.values())
        return lookup


def _hxw(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
