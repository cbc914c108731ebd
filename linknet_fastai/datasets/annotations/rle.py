"Bitmaps by the lengths of their runs, as COCO and CVAT write them."

from collections.abc import Sequence

import numpy as np

from ...errors import UserError, hxw

MOST_DIGITS = 8  # of 5 bits, in one run of a compressed list: longer runs than any image has


def decode_runs(counts: Sequence[int], size: tuple[int, int], by_column: bool, where: str) -> np.ndarray:
    """Bool `[H,W]` from the lengths of runs, false and true in turn, false first.

    Runs go down the columns (COCO) or along the rows (CVAT). `UserError`, which says `where`, if they don't fill the
    size.
    """
    if min(counts, default=0) < 0 or sum(counts) != size[0] * size[1]:
        raise UserError(f"{where}: its runs fill {sum(counts)} pixels, and {hxw(size)} are "
                        f"{size[0] * size[1]}; export it again.")
    values = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return values.reshape(size, order="F" if by_column else "C")


def decompress_counts(text: str, where: str) -> list[int]:
    """The lengths of runs in COCO's compressed string.

    Each is written in characters of 5 bits, the lowest first, from the third run on as the difference from the run
    before the last (`rleFrString` in cocoapi's maskApi.c). `UserError`, which says `where`, for another string.
    """
    counts, value, digits = [], 0, 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or digits == MOST_DIGITS: raise UserError(f"{where}: its compressed runs are damaged; "
                                                                        "export it again.")
        value |= (code & 31) << 5 * digits
        digits += 1
        if code & 32: continue
        if code & 16: value -= 1 << 5 * digits
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, digits = 0, 0
    if digits: raise UserError(f"{where}: its compressed runs are cut short; export it again.")
    return counts
