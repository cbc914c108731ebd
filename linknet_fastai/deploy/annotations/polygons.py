"A mask as polygons: by regions with holes, or in parts that have none."

from dataclasses import dataclass

import numpy as np

from .outlines import Edges, Loop, Outlines, inner_pixel, leftmost, rightmost
from .simplify import simplified


@dataclass(frozen=True)
class Region:
    """Pixels of one class that hang together by their sides.

    Polygons are float `[N,2]` of (x, y) in pixels from the image's upper left corner, not closed. Of `regions`, the
    first is around the region, clockwise as one sees it, and the others are around its holes, counterclockwise; of
    `regions_in_parts`, all are parts. `area` is in pixels, `box` is (left, top, width, height), both exact.
    """

    index: int
    polygons: tuple[np.ndarray, ...]
    area: int
    box: tuple[int, int, int, int]


def regions(mask: np.ndarray) -> list[Region]:
    """All regions of a mask of classes, uint8 `[H,W]`; those that lie in another's hole after it.

    Filled one after the other without regard to holes, the first polygons of the regions give the mask, but for pixels
    at borders, since polygons are simplified (`simplified`).
    """
    outlines = Outlines(Edges.of(mask))
    found = _grouped(mask, outlines, outlines.loops, [outlines.owner(loop) if loop.area < 0 else number
                                                      for number, loop in enumerate(outlines.loops)])
    return [region for _, region in sorted(found, key=lambda item: -item[0])]


def regions_in_parts(mask: np.ndarray) -> list[Region]:
    "The same, each region with holes cut into parts that have none: along rows of pixels, from hole to hole."
    outlines = Outlines(Edges.of(mask))
    holes = [loop for loop in outlines.loops if loop.area < 0]
    edges = Edges.of(mask)
    for hole in holes: _cut(mask, edges, hole)
    parts = Outlines(edges).loops
    found = _grouped(mask, outlines, parts, [outlines.around(*inner_pixel(part)) for part in parts])
    return [region for _, region in sorted(found, key=lambda item: -item[0])]


def _grouped(mask: np.ndarray, outlines: Outlines, loops: list[Loop], owners: list[int]) -> list[tuple[float, Region]]:
    "Regions from loops and the number of the outline that each belongs to, with the area inside that outline."
    groups: dict[int, list[int]] = {}
    for number in np.argsort([-loop.area for loop in loops], kind="stable").tolist():
        groups.setdefault(owners[number], []).append(number)
    polygons = simplified(loops)
    found = []
    for owner, numbers in groups.items():
        x, y = inner_pixel(outlines.loops[owner])
        points = outlines.loops[owner].points
        (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
        found.append((outlines.loops[owner].area,
                      Region(int(mask[y, x]), tuple(polygons[number] for number in numbers),
                             round(sum(loops[number].area for number in numbers)),
                             (left, top, right - left, bottom - top))))
    return found


def _cut(mask: np.ndarray, edges: Edges, hole: Loop):
    """Add edges from a hole to the next ones in its region, on the left and on the right.

    With all holes cut so, every edge can be reached from every other, so no part of a region has a hole; and as each
    hole is reached from two sides, no edge has one part on both sides.
    """
    x, y = leftmost(hole)
    index = mask[y, x - 1]
    x -= 1
    while _is_inside(mask, edges, index, x, y):
        edges.below[y, x] = True
        x -= 1
    x, y = rightmost(hole)
    while _is_inside(mask, edges, index, x, y):
        edges.below[y, x] = True
        x += 1


def _is_inside(mask: np.ndarray, edges: Edges, index: int, x: int, y: int) -> bool:
    "Whether the pixels above and below the line at `y` are both of the class, and nothing is between them."
    return 0 <= x < mask.shape[1] and mask[y - 1, x] == mask[y, x] == index and not edges.below[y, x]
