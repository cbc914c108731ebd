"Shapes to a mask."

from collections.abc import Sequence

import numpy as np

from ...images.mask import VOID
from .shapes import AnnotatedImage, Shape

FARTHEST = 1e7  # pixels from the image: enough for any edge to keep its slope


def rasterize(annotated: AnnotatedImage, classes: Sequence[str]) -> np.ndarray:
    """The class of each pixel, uint8 `[H,W]`, an index of `classes`, or `VOID`; 0 where no shape is.

    Raises `UserError` for a bitmap that is damaged or of another size.
    """
    if annotated.mask is not None: return annotated.mask()
    index_of = {name: index for index, name in enumerate(classes)} | {None: VOID}
    mask = np.zeros(annotated.size, dtype=np.uint8)
    for shape in sorted(annotated.shapes, key=lambda shape: shape.z): paint(mask, shape, index_of[shape.label])
    return mask


def paint(mask: np.ndarray, shape: Shape, index: int):
    "Set the pixels of `mask` `[H,W]` that lie in `shape`."
    if shape.bitmap is not None: mask[shape.bitmap()] = index
    for ring in shape.rings:
        top, inside = fill(ring, mask.shape)
        mask[top:top + len(inside)][inside] = index


def fill(ring: np.ndarray, size: tuple[int, int]) -> tuple[int, np.ndarray]:
    """The pixels whose centers lie in a polygon `[N,2]` of (x, y): the first row, and bool `[rows,W]` from there.

    Where the polygon crosses itself, the even-odd rule holds. `PIL.ImageDraw` truncates corners to whole pixels and
    fills those on the outline too, so that neighbours overlap and each shape grows down and to the right.
    """
    height, width = size
    start = np.clip(ring, -FARTHEST, FARTHEST)
    end = np.roll(start, -1, axis=0)
    # the rows whose centers each edge crosses
    first, last = np.ceil(np.sort([start[:, 1], end[:, 1]], axis=0) - 0.5).clip(0, height).astype(int)
    count = last - first
    top, bottom = (int(first[count > 0].min()), int(last.max())) if count.any() else (0, 0)
    edge = np.repeat(np.arange(len(start)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    (x, y), (dx, dy) = start[edge].T, (end - start)[edge].T
    column = np.ceil(x + (row + 0.5 - y) * dx / dy - 0.5).clip(0, width).astype(int)
    # each crossing turns inside into outside, for all pixels to its right
    crossings = np.zeros((bottom - top, width + 1), dtype=np.uint8)
    np.bitwise_xor.at(crossings, (row - top, column), 1)
    return top, np.bitwise_xor.accumulate(crossings, axis=1)[:, :width].astype(bool)


def area(rings: Sequence[np.ndarray]) -> float:
    "Of all polygons `[N,2]`, in pixels (the shoelace formula)."
    def one(ring: np.ndarray) -> float:
        (x, y), (next_x, next_y) = ring.T, np.roll(ring, -1, axis=0).T
        return abs(float((x * next_y - next_x * y).sum())) / 2
    return sum(map(one, rings))
