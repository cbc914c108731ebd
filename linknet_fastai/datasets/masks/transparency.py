"Transparency in masks, which is the mask in all files of a dataset or in none."

from collections.abc import Mapping
from pathlib import Path

from ...errors import UserError
from ..file_scan import FileScan
from ..mask_file import ALPHA, GRAY_STEP, unpack

BLACK, WHITE = 0, 255 * GRAY_STEP


def refuse_two_transparencies(scans: Mapping[Path, FileScan]):
    """`UserError` where what transparency means differs from file to file.

    It is the mask where a file has one color, and hides what is no class where it has several. Files of one color, all
    of it visible or none, may be either, and pass where both say the same.
    """
    scans = {path: scan for path, scan in scans.items() if scan.values}
    shown = {path: scan.palette[0][1] for path, scan in scans.items() if scan.storage == ALPHA}
    if shown: _refuse_others(scans, shown)
    else: _refuse_hidden_and_visible(scans)


def _refuse_others(scans: Mapping[Path, FileScan], shown: Mapping[Path, int]):
    "Than masks of transparency, which all show this one color."
    first, color = next(iter(shown.items()))
    for path, scan in scans.items():
        if shown.get(path) == color or (path not in shown and _is_alike(scan, color)): continue
        raise UserError(f"{first}: shows {unpack(color)} and is transparent elsewhere, and {path} is another kind of "
                        "mask; save all in one way, without transparency.")


def _is_alike(scan: FileScan, shown: int) -> bool:
    "Whether a mask has the same number by its color as by its transparency: 0 or 255 everywhere."
    colors, numbers = [[value for value, _ in values] for values in (scan.colors, scan.numbers)]
    if scan.hidden is not None: return colors == [BLACK]
    return colors == [WHITE] == [shown] and numbers == [255]


def _refuse_hidden_and_visible(scans: Mapping[Path, FileScan]):
    hidden = {scan.hidden: path for path, scan in scans.items() if scan.hidden is not None}
    for path, scan in scans.items():
        for color in hidden.keys() & {color for color, _ in scan.colors} - {scan.hidden}:
            raise UserError(f"{path}: shows {unpack(color)}, which {hidden[color]} has where it is transparent, so it "
                            "may be a class or none; save masks without transparency.")
