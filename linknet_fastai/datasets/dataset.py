"What every dataset is: classes with colors, and one table of images, masks and splits."

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import UserError, check_choice, counted, hxw
from ..images.format import FormattedRows, ImageFormat
from ..images.mask import VOID, Color, Palette
from ..images.rgb import ValueRange
from .files_inside import inside
from .mask_file import NUM_VALUES, pack, read_mask_file, unpack
from .splits import SPLITS


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
class SegmentationDataset:
    """Images with a class for every pixel.

    `table` has the columns `image`, `mask` (paths; no mask where there is none to be had) and `split` (`train`, `val`
    or `test`), and `instances` where the dataset numbers instances.
    `values` takes each pixel that a mask file may hold, an index or a color, to its class, or to `VOID`.
    `defaults` are the recipe's fields that this dataset wants otherwise. `root` is its folder: nothing outside is read.
    `options` are the fields of `DatasetOptions` that open it again. `split_source` says where the splits came from.
    `value_range` is what is black and what is white in images of more than 8 bits, None for those of 8.
    `channels` is how many its images are read with.
    Masks may also lie in `mask_root`; with `follow_links` links out of `root` are allowed. `note` is what its user
    should know. `is_fetched` says that `root` is no folder of the user's: it was drawn or downloaded, and can be again.
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
    split_source: str = ""
    mask_root: Path | None = None
    value_range: ValueRange | None = None
    channels: int = 3
    follow_links: bool = False
    is_fetched: bool = False

    @property
    def splits(self) -> list[str]:
        "The names of the splits that it has."
        return [split for split in SPLITS if split in set(self.table.split)]

    def split(self, name: str) -> pd.DataFrame:
        "The rows of one split, or of `all` that have masks; `UserError` where there are none, or masks are missing."
        if name == "all" and self.table["mask"].notna().any(): return self.table[self.table["mask"].notna()]
        check_choice("split", name, (*SPLITS, "all"))
        if name not in self.splits:
            kind = "labeled" if name == "all" else name
            source = f" by {self.split_source}" if self.split_source else ""
            raise UserError(f"{self.root or self.name}: has no {kind} images{source}, only {', '.join(self.splits)}; "
                            "add some, or name another split.")
        rows = self.table[self.table.split == name]
        if rows["mask"].isna().any():
            raise UserError(f"the {name} images of {self.name} have no masks to train on or to score by; "
                            "`linknet-fastai predict` segments them.")
        return rows

    def ignoring(self, names: Sequence[str]) -> "SegmentationDataset":
        """The dataset without the classes of these names, whose pixels are void.

        `UserError` for what is no class, and where fewer than 2 would be left: of one class every prediction is right.
        """
        for name in names: check_choice("class", name, self.classes)
        kept = [index for index, name in enumerate(self.classes) if name not in names]
        if len(kept) < 2:
            raise UserError(f"without {', '.join(names)} {self.protocol} has {len(kept)} class{'es' * (not kept)}; "
                            "leave 2 or more to tell apart.")
        new_index = {old: new for new, old in enumerate(kept)}
        def part(of: tuple) -> tuple: return tuple(of[index] for index in kept)
        labels = self.cityscapes and replace(self.cityscapes, **{
            name: part(getattr(self.cityscapes, name)) for name in ("ids", "categories", "scored")})
        return replace(self, protocol=f"{self.protocol} without {', '.join(names)}", cityscapes=labels,
                       classes=part(self.classes), palette=part(self.palette),
                       values={value: new_index.get(index, VOID) for value, index in self.values.items()},
                       options={**self.options, "ignore": list(names)})

    @property
    def image_format(self) -> ImageFormat:
        "What its images are."
        return ImageFormat(self.channels, self.value_range)

    def with_channels(self, channels: int) -> "SegmentationDataset":
        "The dataset, its images read with so many channels; `UserError` for a number that is none."
        ImageFormat(channels)
        notes = self.note, f"images are read with {counted(channels, 'channel')}"
        return replace(self, channels=channels, note="; ".join(filter(None, notes)),
                       options={**self.options, "channels": channels})

    def read_pixels(self, path: Path) -> np.ndarray:
        "An upright image file, uint8 `[H,W,channels]`; `UserError` where it can't be read, or lies outside `root`."
        return self.image_format.read(self.inside(path))

    def open_pixels(self, path: Path) -> "np.ndarray | FormattedRows":
        "As `read_pixels`, or by rows: `ImageFormat.open`."
        return self.image_format.open(self.inside(path))

    def read_mask(self, path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Classes and `VOID` of a mask file, uint8 `[H,W]`.

        `size` (height, width) is its image's. `UserError` where it differs, or a pixel's value is no class.
        """
        pixels = self._pixels_of(path)
        if size is not None and pixels.shape != size: raise UserError(other_size(path, pixels.shape, size))
        mask = self._lookup[pixels]
        if (mask < 0).any(): raise UserError(self.no_class(path, np.unique(pixels[mask < 0])))
        return mask.astype(np.uint8)

    def _pixels_of(self, path: Path) -> np.ndarray:
        "Indices or 24-bit colors `[H,W]`."
        file = read_mask_file(self.inside(path))
        return file.colors(path) if self.in_color else file.indices(path)

    def inside(self, path: Path) -> Path:
        "`path`; `UserError` where no file is there, or a symbolic link that leads out of `root`."
        return inside(self.root, path, self.follow_links, self.mask_root)

    @property
    def in_color(self) -> bool:
        "Whether its masks are read as colors, not as indices."
        return isinstance(next(iter(self.values)), tuple)

    def classes_of(self, pixels: np.ndarray) -> np.ndarray:
        "The class of each index or 24-bit color, int16 of the shape of `pixels`: `VOID` for void, -1 for no class."
        return self._lookup[pixels]

    def no_class(self, path: Path, pixels: np.ndarray) -> str:
        "The message about a mask file that holds these pixels, which are no class."
        unknown = [str(unpack(int(value)) if self.in_color else value) for value in pixels[:8]]
        unknown += ["more"] * (len(pixels) > 8)
        return (f"{path}: holds {'the colors' if self.in_color else 'the values'} {', '.join(unknown)}, "
                f"which are no class of {self.protocol}; correct the mask.")

    @property
    def num_values(self) -> int:
        "How many indices, or 24-bit colors, a mask may hold, from 0."
        return len(self._lookup)

    @cached_property
    def _lookup(self) -> np.ndarray:
        "Class of each index, or of each 24-bit color; -1 where it has none."
        lookup = np.full(1 << 24 if self.in_color else NUM_VALUES, -1, dtype=np.int16)
        for value, index in self.values.items(): lookup[pack(value) if self.in_color else value] = index
        return lookup


def other_size(path: Path, size: tuple[int, int], wanted: tuple[int, int],
               advice: str = "make them the same size") -> str:
    "The message about a mask file of `size` (height, width) whose image is of size `wanted`, and what to do."
    return f"{path}: the mask is {hxw(size)}, its image {hxw(wanted)}; {advice}."
