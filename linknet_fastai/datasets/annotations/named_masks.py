"Mask files whose values, or colors, an export names."

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...images.mask import VOID
from ..class_file import Color
from ..dataset import other_size
from ..mask_file import COLOR, PALETTE, MaskFile, pack, read_mask_file, unpack
from .draft import Draft


def mask_of_values(path: Path, size: tuple[int, int], labels: Mapping[int, str | None], draft: Draft) -> np.ndarray:
    "Classes of a mask of numbers, uint8 `[H,W]`; `UserError` for another size, or a number without a name."
    return _named(path, _read(path).indices(path), size, labels, draft, str)


def mask_of_colors(path: Path, size: tuple[int, int], labels: Mapping[Color, str | None], draft: Draft) -> np.ndarray:
    "Classes of a mask of colors, or of a palette of them, uint8 `[H,W]`; `UserError` as for values."
    file = _read(path)
    if file.kind not in (COLOR, PALETTE) and file.pixels.any():
        raise UserError(f"{path}: holds numbers, where the export names colors; export it again.")
    named = {pack(color): label for color, label in labels.items()}
    return _named(path, file.colors(path), size, named, draft, lambda value: str(unpack(value)))


def _read(path: Path) -> MaskFile:
    file = read_mask_file(path)
    if file.lossy:
        raise UserError(f"{path}: its compression changes pixels, as JPEG's does, so its classes can't be told for "
                        "sure; export masks as PNG.")
    return file


def _named(path: Path, pixels: np.ndarray, size: tuple[int, int], labels: Mapping[int, str | None], draft: Draft,
           describe) -> np.ndarray:
    if pixels.shape != size: raise UserError(other_size(path, pixels.shape, size))
    index_of = {name: index for index, name in enumerate(draft.classes)} | {None: VOID}
    values, places = np.unique(pixels, return_inverse=True)
    unknown = [describe(int(value)) for value in values if int(value) not in labels]
    if unknown: raise UserError(f"{path}: holds {', '.join(unknown[:8])}, which the export doesn't name; correct it.")
    return np.array([index_of[labels[int(value)]] for value in values], dtype=np.uint8)[places].reshape(size)
