"Images that are shown small, from as few of their rows in memory as possible."

from typing import Any

import numpy as np

BAND = 1 << 22  # pixels that are shrunk at once


def shrink_factor(size: tuple[int, int], longest: int) -> int:
    "The smallest whole number by which an image of `size` (height, width) has no side longer than `longest`."
    return max(1, -(-max(size) // longest))


def shrunk(source: Any, longest: int) -> np.ndarray:
    """Pixels uint8 `[h,w,C]` of which no side is longer than `longest`; an array that is no larger as it is.

    `source` is an array uint8 `[H,W,C]`, or has such a shape and rows. Each pixel is the mean of a square of
    `shrink_factor` pixels a side, of fewer at the lower and the right border.
    """
    height, width, channels = source.shape
    factor = shrink_factor((height, width), longest)
    if factor == 1: return source[0:height]
    small = np.empty((-(-height // factor), -(-width // factor), channels), np.uint8)
    step = max(1, BAND // (width * factor))  # rows of `small`
    for top in range(0, len(small), step):
        small[top:top + step] = _means(source[top * factor:min((top + step) * factor, height)], factor)
    return small


def shrunk_mask(mask: np.ndarray, longest: int) -> np.ndarray:
    "Classes `[h,w]` of a mask `[H,W]`, as large as `shrunk` of its image: those in the middle of its squares."
    factor = shrink_factor(mask.shape, longest)
    rows, columns = (np.minimum(np.arange(0, side, factor) + factor // 2, side - 1) for side in mask.shape)
    return mask[np.ix_(rows, columns)]


def _means(band: np.ndarray, factor: int) -> np.ndarray:
    sums, counts = band, np.ones((), np.uint32)
    for axis in (0, 1):
        starts = np.arange(0, band.shape[axis], factor)
        sums = np.add.reduceat(sums, starts, axis=axis, dtype=np.uint32)
        here = np.diff([*starts, band.shape[axis]]).astype(np.uint32)
        counts = counts * (here[:, None, None] if axis == 0 else here[None, :, None])
    return ((sums + counts // 2) // counts).astype(np.uint8)
