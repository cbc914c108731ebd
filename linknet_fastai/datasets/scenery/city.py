"A drawn city seen from above, at 0.2 m a pixel: streets, the blocks between them, a river, and cars, which are rare."

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .aerial import GROUND, ROAD, WATER, AerialCanvas, Frame
from .blocks import GRASS, WATERS, Block, closed_block, houses, park, ribbon, shops
from .canvas import Generator
from .rooftops import CAR_LENGTH, box, car, tree
from .shapes import ASPHALT, LANE_MARKS, PAVING, shade

SIZE = (4000, 4000)  # height, width
CITY_CLASSES = ("ground", "road", "building", "tree", "car", "water")
CITY_PALETTE = ((196, 182, 140), (110, 110, 118), (178, 74, 60), (54, 120, 58), (250, 210, 40), (60, 120, 190))
SMALLEST_WITH_RIVER = 1500  # pixels: a river would fill much of a smaller image

AVENUES, STREETS = (80, 125), (60, 95)  # metres between them
PAVEMENT = 2.8
DASH = 3.0


@dataclass(frozen=True)
class Road:
    "Straight in the plan: along its x at y = `middle` where `lengthwise`, or along its y at x = `middle`."

    middle: float
    width: float
    start: float
    end: float
    lengthwise: bool

    def band(self, low: float, high: float, start: float | None = None, end: float | None = None) -> np.ndarray:
        "The rectangle `[4,2]` from `low` to `high` beside the middle, as long as the road or from `start` to `end`."
        start, end = self.start if start is None else start, self.end if end is None else end
        along = box(start, self.middle + low, end, self.middle + high)
        return along if self.lengthwise else along[:, ::-1]

    def strips(self, low: float, high: float) -> np.ndarray:
        "As `band` for the whole road, `[m,4,2]`, in pieces that are short enough to bend."
        cuts = np.append(np.arange(self.start, self.end, 6), self.end)
        return np.stack([self.band(low, high, *ends) for ends in zip(cuts[:-1], cuts[1:], strict=True)])

    def place(self, along: float, beside: float) -> np.ndarray:
        "A point `[2]` of the plan."
        point = np.array([along, self.middle + beside])
        return point if self.lengthwise else point[::-1]


def draw_city(seed: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A city from above: uint8 image `[H,W,3]` and uint8 mask `[H,W]` of class indices, 255 where unlabelled.

    `size` is height and width in pixels, 256 or more each. A smaller image shows fewer blocks, at the same scale.
    """
    rng = np.random.default_rng(seed)
    canvas = AerialCanvas(_frame(rng, size), _sun(rng))
    roads, blocks = _plan(rng, canvas.frame.reach)
    for block in blocks: canvas.paint(GROUND, _tiles(block), shade(rng, GRASS))
    if min(size) >= SMALLEST_WITH_RIVER and rng.random() < .7: _river(canvas, rng)
    _pave(canvas, rng, roads)
    seen = [i for i, block in enumerate(blocks) if canvas.shows(block.center)]
    parks = {int(rng.choice(seen))} if seen else set()
    for i, block in enumerate(blocks): _build(canvas, rng, block, i in parks)
    for road in roads: _traffic(canvas, rng, road)
    return canvas.develop(rng)


def _frame(rng: Generator, size: tuple[int, int]) -> Frame:
    return Frame(size, rng.uniform(-.6, .6), rng.uniform(6, 14), rng.uniform(0, 2 * np.pi))


def _sun(rng: Generator) -> np.ndarray:
    "The shadow of a metre: up and to the left or right, as north of the tropics."
    angle = rng.uniform(-2.5, -.6)
    return np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(.55, 1.0)


def _plan(rng: Generator, reach: float) -> tuple[list[Road], list[Block]]:
    "Avenues along y; between two of them streets along x, at other places than between the next two."
    avenues = [Road(x, rng.uniform(10, 14), -reach, reach, False) for x in _cuts(rng, reach, AVENUES)]
    streets, blocks = [], []
    for left, right in zip(avenues[:-1], avenues[1:], strict=True):
        x0, x1 = left.middle + left.width / 2, right.middle - right.width / 2
        column = [Road(y, rng.uniform(6.5, 9), x0, x1, True) for y in _cuts(rng, reach, STREETS)]
        streets += column
        for above, below in zip(column[:-1], column[1:], strict=True):
            y0, y1 = above.middle + above.width / 2, below.middle - below.width / 2
            blocks.append(Block(x0 + PAVEMENT, y0 + PAVEMENT, x1 - PAVEMENT, y1 - PAVEMENT))
    return streets + avenues, blocks


def _cuts(rng: Generator, reach: float, apart: tuple[float, float]) -> Iterator[float]:
    "Places from beyond one end to beyond the other."
    place = -reach - rng.uniform(.2, 1) * apart[1]
    while place < reach:
        yield place
        place += rng.uniform(*apart)
    yield place


def _tiles(block: Block) -> np.ndarray:
    "A block with its pavement's width around it, `[m,4,2]`, in pieces that are short enough to bend."
    cuts = np.linspace(block.y0 - PAVEMENT, block.y1 + PAVEMENT, 9)
    return np.stack([box(block.x0 - PAVEMENT, a, block.x1 + PAVEMENT, b)
                     for a, b in zip(cuts[:-1], cuts[1:], strict=True)])


def _river(canvas: AerialCanvas, rng: Generator):
    "Across the whole image, with green banks; streets that come after it are bridges."
    x = np.arange(-canvas.frame.reach, canvas.frame.reach, 3)
    y = rng.uniform(-.25, .25) * canvas.frame.reach + 38 * np.sin(x / rng.uniform(90, 160) + rng.uniform(0, 6))
    line, half = np.stack([x, y], -1), rng.uniform(11, 18)
    canvas.paint(GROUND, ribbon(line, half + 5), shade(rng, GRASS))
    canvas.paint(WATER, ribbon(line, half), shade(rng, WATERS))


def _pave(canvas: AerialCanvas, rng: Generator, roads: list[Road]):
    "Pavements, then asphalt, then what is marked on it, so that roads run into each other."
    for road in roads:
        edge = road.width / 2 + PAVEMENT
        canvas.paint(GROUND, road.strips(-edge, edge), shade(rng, PAVING, 8))
    for road in roads: canvas.paint(ROAD, road.strips(-road.width / 2, road.width / 2), shade(rng, ASPHALT, 8))
    for road in roads: _mark(canvas, rng, road)


def _mark(canvas: AerialCanvas, rng: Generator, road: Road):
    "A broken line in the middle, patches of newer asphalt, and zebra crossings where a street ends."
    patches = [road.band(*np.sort(rng.uniform(-.45, .45, 2)) * road.width, start, start + rng.uniform(3, 14))
               for start in np.arange(road.start, road.end - 14, 40) if rng.random() < .4]
    if patches: canvas.detail(np.stack(patches), shade(rng, ASPHALT, 5))
    margin = 9 if road.lengthwise else 0
    dashes = [road.band(-.15, .15, start, start + DASH)
              for start in np.arange(road.start + margin, road.end - margin - DASH, 2 * DASH)]
    if dashes: canvas.detail(np.stack(dashes), LANE_MARKS[0])
    if not road.lengthwise: return
    for start in (road.start + PAVEMENT + .5, road.end - PAVEMENT - 3.5):
        zebra = [road.band(beside, beside + .5, start, start + 3)
                 for beside in np.arange(-road.width / 2 + .5, road.width / 2 - .7, 1.1)]
        if rng.random() < .7: canvas.detail(np.stack(zebra), LANE_MARKS[0])


def _build(canvas: AerialCanvas, rng: Generator, block: Block, is_park: bool):
    kind = rng.random()
    if is_park or kind < .08: park(canvas, rng, block)
    elif kind < .52: houses(canvas, rng, block)
    elif kind < .8: closed_block(canvas, rng, block)
    else: shops(canvas, rng, block)


def _traffic(canvas: AerialCanvas, rng: Generator, road: Road):
    "Cars at the kerb and in their lanes, and trees on the pavement."
    kerb = road.width / 2
    for side in (-1, 1):
        for along in np.arange(road.start + 14, road.end - 12, CAR_LENGTH + 1.4):
            if rng.random() < .025: car(canvas, rng, *road.place(along, side * (kerb - 1.3)), road.lengthwise)
        for along in np.arange(road.start + 10, road.end - 8, 34):
            place = road.place(along + rng.uniform(0, 20), side * kerb * .4)
            if rng.random() < .16: car(canvas, rng, *place, road.lengthwise)
        if rng.random() < .4: continue
        for along in np.arange(road.start + 8, road.end - 8, 11):
            point = road.place(along + rng.uniform(-1, 1), side * (kerb + PAVEMENT * .6))
            if rng.random() < .6 and canvas.is_free(point[None]): tree(canvas, rng, *point, rng.uniform(1.5, 2.9))
