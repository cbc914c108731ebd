"What one file of a dataset holds: its size, its content, the values of a mask."

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError
from ..images.header import orientation
from ..images.opening import bands, decoding, is_banded, open_upright, read_bands
from ..images.tiff import is_deep
from .mask_file import ALPHA, BILEVEL, COLOR, GRAY_STEP, PALETTE, read_mask_file

MOST_VALUES = 1000  # of one mask that are kept, the commonest: masks of classes hold fewer


@dataclass(frozen=True)
class FileScan:
    """What one file holds, or, as `error`, the message that says why it can't be read.

    `kind` is how it was read, `image` or `mask`. Of an image, `content` is a hash, the same for equal images, and
    `uniform` says that all its pixels are equal; `lowest` and `highest` are the numbers of one with more than 8 bits,
    `channels` how many it has; `is_banded` is `opening.is_banded`. Of a mask, `storage` is the kind of its `MaskFile`,
    `values` are its pixels' values, each with its number of pixels, `palette` the 24-bit color in which each index
    among them is shown, or what isn't transparent, `hidden` that of pixels which can't be seen, `lossy` whether its
    compression changes pixels. `orientation` is EXIF's.
    """

    kind: str
    height: int = 0
    width: int = 0
    content: str = ""
    uniform: bool = False
    lowest: float | None = None
    highest: float | None = None
    is_short: bool = False  # whole numbers of 16 bits
    channels: int = 3
    is_banded: bool = False
    storage: str = ""
    values: Sequence[tuple[int, int]] = ()
    palette: Sequence[tuple[int, int]] = ()
    hidden: int | None = None
    lossy: bool = False
    orientation: int = 1
    error: str = ""

    @property
    def size(self) -> tuple[int, int]:
        "(height, width)."
        return self.height, self.width

    @property
    def is_gray(self) -> bool:
        "Whether all colors of a mask are grays, so that it may as well hold numbers."
        return self.storage != COLOR or all((value & 255) * GRAY_STEP == value for value, _ in self.values)

    @property
    def has_white_bits(self) -> bool:
        "Whether a mask has 1 bit a pixel, and white ones: tools that make files smaller leave 0 and 255 so, too."
        return self.storage == BILEVEL and any(value for value, _ in self.values)

    @property
    def numbers(self) -> list[tuple[int, int]]:
        "A mask's values as numbers, each with its number of pixels; colors that are no grays stay 24-bit colors."
        gray = self.storage == COLOR and self.is_gray
        return [(value & 255 if gray else value, count) for value, count in self.values]

    @property
    def colors(self) -> list[tuple[int, int]]:
        "A mask's values as 24-bit colors, each with its number of pixels."
        palette, found = dict(self.palette), Counter()
        for value, count in self.values:
            color = value if self.storage == COLOR else value * GRAY_STEP
            found[palette[value] if self.storage in (PALETTE, BILEVEL) else color] += count
        return sorted(found.items())


def scan_file(path: Path, kind: str, allow: Callable[[Path], Path]) -> FileScan:
    """What one file holds, read anew.

    Args:
        path: the file.
        kind: as in `FileScan`.
        allow: called with the path, raises `UserError` for one that is not to be read.
    """
    try:
        allow(path)
        return _scan_image(path) if kind == "image" else _scan_mask(path)
    except UserError as error: return FileScan(kind, error=error.message)


def _scan_image(path: Path) -> FileScan:
    banded = is_banded(path)
    pixels, channels, is_short = _bands(path) if banded else _pixels(path)
    deep = pixels.dtype != np.uint8
    if deep and not np.isfinite(pixels).all():
        raise UserError(f"{path}: holds pixels that are no finite numbers; replace them.")
    height, width = pixels.shape[:2]
    content = blake2b(np.ascontiguousarray(pixels), digest_size=16, salt=b"%dx%d" % (height, width)).hexdigest()
    return FileScan("image", height, width, content, bool((pixels == pixels[0, 0]).all()),
                    float(pixels.min()) if deep else None, float(pixels.max()) if deep else None,
                    is_short=is_short, channels=channels, is_banded=banded, orientation=orientation(path))


def _bands(path: Path) -> tuple[np.ndarray, int, bool]:
    "`[H,W,C]`, C, and whether the numbers are whole ones of 16 bits."
    pixels = read_bands(path)
    return pixels, pixels.shape[-1], pixels.dtype == np.uint16


def _pixels(path: Path) -> tuple[np.ndarray, int, bool]:
    "Gray `[H,W]` of more than 8 bits, or RGB `[H,W,3]`; how many channels the file has; whether they have 16 bits."
    image, _ = open_upright(path)
    if is_deep(image): return np.asarray(image), 1, image.mode.startswith("I;16")
    with decoding(path): return np.asarray(image.convert("RGB")), bands(image), False


def _scan_mask(path: Path) -> FileScan:
    file = read_mask_file(path)
    values = _counts(file.pixels, few=file.kind != COLOR)
    shown = [value for value, _ in values if value or file.kind != ALPHA] if file.palette is not None else []
    palette = [(value, int(file.palette[value])) for value in shown]
    tag = 1 if path.suffix.lower() == ".npy" else orientation(path)
    return FileScan("mask", *file.pixels.shape, storage=file.kind, values=values, palette=palette, hidden=file.hidden,
                    lossy=file.lossy, orientation=tag)


def _counts(pixels: np.ndarray, few: bool) -> list[tuple[int, int]]:
    if few: counts = pd.Series(np.bincount(pixels.ravel())).loc[lambda count: count > 0]
    else: counts = pd.Series(pixels.ravel()).value_counts()
    return [(int(value), int(count)) for value, count in counts.nlargest(MOST_VALUES).sort_index().items()]
