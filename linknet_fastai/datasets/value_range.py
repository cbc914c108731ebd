"What is black and what is white in images of more than 8 bits: one range for a whole dataset."

from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import UserError
from ..images.header import is_deep_file
from ..images.rgb import ValueRange
from .file_scan import FileScan

WIDTHS = (8, 10, 12, 14, 16)  # in bits, of what cameras and scanners write into files of 16


def find_value_range(images: list[Path],
                     scan: Callable[[list[Path]], Mapping[Path, FileScan]]) -> tuple[ValueRange | None, str]:
    """The range of a dataset's images, and a note about it; None where they have 8 bits.

    Whole numbers of 16 bits have the range of the narrowest of `WIDTHS` that holds them, others that of those found.
    `scan` reads the files that it is called with. `UserError` where some images have more than 8 bits, and others not.
    """
    deep = {path: is_deep for path in images if (is_deep := _is_deep(path)) is not None}
    if not any(deep.values()): return None, ""
    if not all(deep.values()):
        one, other = (next(path for path, is_deep in deep.items() if is_deep == wanted) for wanted in (True, False))
        raise UserError(f"{one}: has numbers of more than 8 bits, and {other} has 8; save all images in one way.")
    found = {path: each for path, each in scan(list(deep)).items() if not each.error}
    scans = list(found.values())
    if not scans: return None, ""
    low, high = min(each.lowest for each in scans), max(each.highest for each in scans)
    if low == high: raise UserError(f"{images[0]}: all images hold the number {low:g} alone; replace them.")
    whole = all(each.is_short for each in scans)
    if not whole and any(each.is_short for each in scans):
        one, other = (next(path for path, each in found.items() if each.is_short == wanted) for wanted in (True, False))
        raise UserError(f"{one}: has numbers of 16 bits, and {other} of 32; save all images in one way.")
    if whole:
        bits = next(bits for bits in WIDTHS if high < 1 << bits)
        white = (1 << bits) - 1
        return (0.0, float(white)), f"images of {bits} bits, black is 0, white {white} (found: {low:g} to {high:g})"
    return (low, high), f"images of 32 bits, black is {low:g} and white {high:g}, as found"


def _is_deep(path: Path) -> bool | None:
    "None for what can't be read: the check names it."
    try: return is_deep_file(path)
    except UserError: return None
