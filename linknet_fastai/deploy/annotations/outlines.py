"The outlines of the regions in a mask, exactly along the edges of its pixels."

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Sides of a pixel, clockwise as one sees them: top, right, bottom, left. Each is walked with its pixel at the right.
# (rows down, columns right) of a step along each, and of the corner where it begins
STEP = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])
CORNER = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])
RIGHT, LEFT = 1, 3


@dataclass(frozen=True)
class Edges:
    """Where neighbouring pixels of a mask `[H,W]` belong to different regions.

    `below` bool `[H+1,W]` is true between rows y-1 and y, `beside` `[H,W+1]` between columns x-1 and x; the image's
    border is an edge.
    """

    below: np.ndarray
    beside: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray) -> "Edges":
        height, width = mask.shape
        edges = cls(np.ones((height + 1, width), dtype=bool), np.ones((height, width + 1), dtype=bool))
        edges.below[1:-1] = mask[1:] != mask[:-1]
        edges.beside[:, 1:-1] = mask[:, 1:] != mask[:, :-1]
        return edges

    def sides(self) -> np.ndarray:
        "Whether each side of each pixel is an edge, bool `[4,H,W]`."
        return np.stack([self.below[:-1], self.beside[:, 1:], self.below[1:], self.beside[:, :-1]])

    def nodes(self) -> np.ndarray:
        "The corners where three or four edges meet, and the image's own: bool `[H+1,W+1]`."
        count = np.zeros((self.below.shape[0], self.beside.shape[1]), dtype=np.uint8)
        for part, edges in ((count[:, :-1], self.below), (count[:, 1:], self.below), (count[:-1], self.beside),
                            (count[1:], self.beside)): part += edges
        count[::max(1, len(count) - 1), ::max(1, count.shape[1] - 1)] = 4
        return count > 2


@dataclass(frozen=True)
class Loop:
    """A closed line around a region, or around a hole in it, that nowhere touches itself.

    `points` int `[N,2]` are (x, y) of its corners, the region on the right as one walks; `is_node` bool `[N]` says
    which of them other lines share. `area` is in pixels, and negative for a hole. `sides` `[N]` are the directions in
    which it leaves the corners.
    """

    points: np.ndarray
    is_node: np.ndarray
    sides: np.ndarray
    area: float


class Outlines:
    """All `loops` of a mask, and which of them is around what.

    Pixels that touch at a corner alone are not one region.
    """

    def __init__(self, edges: Edges):
        sides = edges.sides()
        self._shape, self._edge = sides.shape, np.flatnonzero(sides)
        side, y, x = np.unravel_index(self._edge, sides.shape)
        start = np.stack([y, x], axis=1) + CORNER[side]
        is_node = edges.nodes()[tuple(start.T)]
        successor = self._successor(sides, side, y, x)
        turns = np.empty(len(side), dtype=bool)
        turns[successor] = side != side[successor]
        order, self.loops, loop_of = _loops(successor, is_node | turns, start, is_node, side)
        self._around_hole: dict[int, int] = {}
        self._loop_of = np.empty(len(side), dtype=np.int64)
        self._loop_of[order] = loop_of
        self._run_start = np.maximum.accumulate(
            np.where(edges.beside[:, :-1], np.arange(edges.below.shape[1]), 0), axis=1)

    def _successor(self, sides: np.ndarray, side: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        "The edge that follows each: the first to the right, so that regions end where pixels touch at a corner."
        after, before = (side + 1) % 4, (side - 1) % 4
        ahead_y, ahead_x = np.stack([y, x]) + STEP[side].T
        across_y, across_x = np.stack([ahead_y, ahead_x]) + STEP[before].T
        turns = sides[after, y, x]
        goes_on = ~turns & sides[side, ahead_y.clip(0, self._shape[1] - 1), ahead_x.clip(0, self._shape[2] - 1)]
        following = [np.select([turns, goes_on], choices, otherwise) for choices, otherwise in (
            ([after, side], before), ([y, ahead_y], across_y), ([x, ahead_x], across_x))]
        return np.searchsorted(self._edge, np.ravel_multi_index(following, self._shape))

    def around(self, x: int, y: int) -> int:
        "The number of the outermost loop around the region of a pixel."
        passed = []
        # the row of pixels that it is in ends, on the left, at that loop or at a hole's further to the left
        while self.loops[number := self._ending_at(x, y)].area < 0:
            if number in self._around_hole:
                number = self._around_hole[number]
                break
            passed.append(number)
            x, y = self._left_of(self.loops[number])
        self._around_hole |= dict.fromkeys(passed, number)
        return number

    def _ending_at(self, x: int, y: int) -> int:
        "The number of the loop at which the row of pixels that (x, y) is in ends on the left."
        edge = np.ravel_multi_index((LEFT, y, self._run_start[y, x]), self._shape)
        return int(self._loop_of[np.searchsorted(self._edge, edge)])

    def owner(self, hole: Loop) -> int:
        "The number of the loop around the region that a hole is in."
        return self.around(*self._left_of(hole))

    @staticmethod
    def _left_of(hole: Loop) -> tuple[int, int]:
        x, y = leftmost(hole)
        return x - 1, y


def leftmost(hole: Loop) -> tuple[int, int]:
    "The upper corner (x, y) of an edge of a hole that has none to its left."
    points = hole.points[hole.sides == RIGHT]
    return tuple(points[points[:, 0].argmin()].tolist())


def rightmost(hole: Loop) -> tuple[int, int]:
    "The lower corner (x, y) of an edge of a hole that has none to its right."
    points = hole.points[hole.sides == LEFT]
    return tuple(points[points[:, 0].argmax()].tolist())


def inner_pixel(loop: Loop) -> tuple[int, int]:
    "A pixel (x, y) of the region that a loop is around."
    (x, y), side = loop.points[0].tolist(), loop.sides[0]
    down, right = CORNER[side].tolist()
    return x - right, y - down


def shoelace(points: np.ndarray) -> float:
    "The area of a polygon `[N,2]`, positive where it is clockwise as one sees it, y pointing down."
    (x, y), (next_x, next_y) = points.T, np.roll(points, -1, axis=0).T
    return float((x * next_y - next_x * y).sum()) / 2


def _loops(successor: np.ndarray, is_corner: np.ndarray, start: np.ndarray, is_node: np.ndarray,
           side: np.ndarray) -> tuple[np.ndarray, list[Loop], np.ndarray]:
    "All edges in the order of a walk along them, the loops, and the number of the loop of each edge of the walk."
    order, begins = _walk(successor.tolist(), np.flatnonzero(is_corner).tolist())
    corners = [part[is_corner[part]] for part in np.split(order, begins[1:])]
    places = start[:, 0] * (start[:, 1].max() + 1) + start[:, 1]
    loops, number = [], np.zeros(len(successor), dtype=np.int64)
    for ring in corners:
        for loop in _without_touch(ring, places[ring]):
            number[loop] = len(loops)
            points = start[loop, ::-1]
            loops.append(Loop(points, is_node[loop], side[loop], shoelace(points)))
    # an edge that is no corner is of the loop of the corner before it
    last = np.maximum.accumulate(np.where(is_corner[order], np.arange(len(order)), 0))
    return order, loops, number[order[last]]


def _walk(successor: list[int], corners: list[int]) -> tuple[np.ndarray, list[int]]:
    "All edges, one closed line after the other, each from a corner on, and the places where they begin."
    seen, order, begins = bytearray(len(successor)), [], []
    for edge in corners:
        if seen[edge]: continue
        begins.append(len(order))
        while not seen[edge]:
            seen[edge] = 1
            order.append(edge)
            edge = successor[edge]
    return np.array(order), begins


def _without_touch(ring: np.ndarray, places: np.ndarray) -> Sequence[np.ndarray]:
    "A closed line, cut wherever it comes to a place a second time."
    if len(np.unique(places)) == len(places): return [ring]
    loops, path, at = [], [], {}
    for edge, place in zip(ring.tolist(), places.tolist()):
        if place in at:
            first = at[place]
            loops.append(np.array([edge for edge, _ in path[first:]]))
            for _, left in path[first:]: del at[left]
            del path[first:]
        at[place] = len(path)
        path.append((edge, place))
    return [*loops, np.array([edge for edge, _ in path])]
