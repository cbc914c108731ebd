"A film's frames: their pixels, their times, and which side is up."

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class FilmFormat:
    """What a film's frames have in common.

    `size` is (height, width), upright; times are multiples of `time_base`, in seconds; `rate` is the mean number of
    frames a second; a pixel is shown `pixel_aspect` times as wide as high.
    """

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    pixel_aspect: Fraction = Fraction(1)


@dataclass(frozen=True)
class Frame:
    "Pixels, RGB uint8 `[H,W,3]`, shown from `time` on, for `duration` where that is known, both in seconds."

    pixels: np.ndarray
    time: Fraction
    duration: Fraction = Fraction(0)


def upright(pixels: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, bool]:
    """Pixels `[H,W,C]` turned and mirrored as a film's display matrix says, and whether rows became columns.

    The matrix takes (x, y, 1), a row, to where it is shown, y down (ISO/IEC 14496-12, 6.2.2). Of turns other than by
    quarters the nearest is taken.
    """
    (xx, xy), (yx, yy) = matrix[:2, :2].tolist()
    is_on_side = abs(xy) + abs(yx) > abs(xx) + abs(yy)
    if is_on_side: pixels, across, down = pixels.transpose(1, 0, 2), yx, xy
    else: across, down = xx, yy
    if across < 0: pixels = pixels[:, ::-1]
    if down < 0: pixels = pixels[::-1]
    return np.ascontiguousarray(pixels), is_on_side
