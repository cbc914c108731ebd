"Outlines with fewer corners, the same for the regions on both sides of a line."

from collections.abc import Iterator

import numpy as np

from .outlines import Loop, shoelace

TOLERANCE = 0.75  # pixels that a line may move: enough for the stairs of a slope, too little for another pixel
LEAST = 2 / 3  # of the area of a loop, that is to remain

Key = tuple[int, ...]


def simplified(loops: list[Loop]) -> list[np.ndarray]:
    """The loops as polygons, float `[N,2]` of (x, y), that run at most `TOLERANCE` beside them.

    A line between two regions is simplified once (Douglas-Peucker), so that neighbours still share it, without gaps. A
    loop that would lose more than `1 - LEAST` of its area, such as that of a single pixel, stays as it is.
    """
    arcs = [list(_arcs(loop)) for loop in loops]
    lines = {key: points[_kept(points)] for loop in arcs for key, points, _ in loop}
    exact: set[Key] = set()
    while True:
        polygons = [_joined(loop, lines) for loop in arcs]
        lost = [number for number, (loop, polygon) in enumerate(zip(loops, polygons))
                if shoelace(polygon) * np.sign(loop.area) < abs(loop.area) * LEAST]
        restored = {key: points for number in lost for key, points, _ in arcs[number] if key not in exact}
        if not restored: return [polygon.astype(float) for polygon in polygons]
        exact |= restored.keys()
        lines |= restored


def _arcs(loop: Loop) -> Iterator[tuple[Key, np.ndarray, bool]]:
    """The lines from node to node that a loop consists of.

    Each with its key, its points in an order that is the same from both of its sides, and whether that is backwards.
    """
    nodes = np.flatnonzero(loop.is_node)
    # a loop without nodes is one line, from its first point in reading order
    first = int(nodes[0]) if len(nodes) else int(np.lexsort(loop.points.T)[0])
    points = np.roll(loop.points, -first, axis=0)
    points = np.concatenate([points, points[:1]])
    ends = [*((nodes - first).tolist() if len(nodes) else [0]), len(loop.points)]
    for begin, end in zip(ends, ends[1:]):
        arc = points[begin:end + 1]
        forwards, backwards = (*arc[0].tolist(), *arc[1].tolist()), (*arc[-1].tolist(), *arc[-2].tolist())
        if forwards <= backwards: yield forwards, arc, False
        else: yield backwards, arc[::-1], True


def _joined(loop: list[tuple[Key, np.ndarray, bool]], lines: dict[Key, np.ndarray]) -> np.ndarray:
    "The polygon of a loop, from the lines that stand for its arcs."
    return np.concatenate([(lines[key][::-1] if is_backwards else lines[key])[:-1] for key, _, is_backwards in loop])


def _kept(points: np.ndarray) -> list[int]:
    "The places in `points` `[N,2]` that a line needs which runs at most `TOLERANCE` beside them."
    kept, todo = {0, len(points) - 1}, [(0, len(points) - 1)]
    while todo:
        begin, end = todo.pop()
        if end - begin < 2: continue
        distances = _distances(points[begin + 1:end], points[begin], points[end])
        farthest = int(distances.argmax())
        if distances[farthest] <= TOLERANCE: continue
        middle = begin + 1 + farthest
        kept.add(middle)
        todo += [(begin, middle), (middle, end)]
    return sorted(kept)


def _distances(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    "From `points` `[N,2]` to the line between two points."
    along, offsets = end - start, points - start
    length = max(1, along @ along)  # 1: the line may end where it starts
    fraction = (offsets @ along / length).clip(0, 1)
    return np.hypot(*(offsets - fraction[:, None] * along).T)
