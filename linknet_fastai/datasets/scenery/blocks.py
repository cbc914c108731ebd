"What stands between the streets of a drawn city: houses and gardens, closed blocks, shops with a car park, parks."

from dataclasses import dataclass

import numpy as np

from .aerial import GROUND, ROAD, WATER, AerialCanvas
from .canvas import Generator
from .rooftops import CAR_WIDTH, box, car, container, flat_roof, gable_roof, hedge, tree, wing
from .shapes import ASPHALT, LANE_MARKS, PAVING, disc, shade

GRASS = (98, 112, 62), (112, 120, 72), (88, 104, 60), (128, 124, 82), (142, 130, 95)
SAND = (178, 164, 135), (160, 148, 125)
WATERS = (52, 74, 78), (60, 82, 72), (70, 88, 92)


@dataclass(frozen=True)
class Block:
    "A rectangle between pavements, in metres of the plan."

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def center(self) -> np.ndarray: return np.array([(self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2])

    @property
    def outline(self) -> np.ndarray: return box(self.x0, self.y0, self.x1, self.y1)

    def free(self, canvas: AerialCanvas, rng: Generator, radius: float) -> np.ndarray | None:
        "A place `[2]` in here with nothing but ground within `radius`, or None where a draw finds none."
        if min(self.x1 - self.x0, self.y1 - self.y0) <= 2 * radius: return None
        place = rng.uniform((self.x0 + radius, self.y0 + radius), (self.x1 - radius, self.y1 - radius))
        return place if canvas.is_free(np.concatenate([place[None], disc(radius, place, 8)])) else None


def houses(canvas: AerialCanvas, rng: Generator, block: Block):
    "Two rows of houses that face the streets above and below, with drives, terraces, hedges and gardens."
    middle, x = block.center[1], block.x0 + 2
    while (end := x + rng.uniform(14, 20)) < block.x1 - 1:
        for street in (block.y0, block.y1): _house(canvas, rng, x, end, street, np.sign(middle - street))
        x = end
    _trees(canvas, rng, block, int((block.x1 - block.x0) * (block.y1 - block.y0) / 90), (1.2, 3.6))


def _house(canvas: AerialCanvas, rng: Generator, x0: float, x1: float, street: float, back: float):
    "On a lot from `x0` to `x1`; `back` is -1 or 1, the direction of its garden."
    left, right = x0 + rng.uniform(1, 2), x1 - rng.uniform(3.5, 5)
    front, depth = street + back * rng.uniform(3.5, 6.5), rng.uniform(8, 11)
    low, high = sorted((front, front + back * depth))
    if not canvas.is_free(_lattice(left - 1, low - 1, right + 1, high + 1)): return
    drive = box(right + .8, min(street, front), x1 - .2, max(street, front + back * 3))
    canvas.paint(GROUND, drive[None], shade(rng, PAVING))
    height = rng.uniform(6, 9)
    gable_roof(canvas, rng, left, low, right, high, height)
    if rng.random() < .45:
        eave, width = front + back * depth, rng.uniform(4, 5.5)
        x = rng.choice((left + width / 2, right - width / 2))
        wing(canvas, rng, x, eave, eave + back * rng.uniform(3, 6), width, height - .5)
    elif rng.random() < .6:
        near, far = sorted((front + back * depth, front + back * (depth + 3)))
        canvas.paint(GROUND, box(left + 1, near, right - 1, far)[None], shade(rng, PAVING))
    if rng.random() < .5: _fence_in(canvas, rng, x0, front, back)
    if rng.random() < .3: car(canvas, rng, (right + x1) / 2 + .3, front - back * .4, lengthwise=False)


def _fence_in(canvas: AerialCanvas, rng: Generator, x: float, front: float, back: float):
    "A hedge along one side of the garden."
    low, high = sorted((front + back * 3, front + back * rng.uniform(18, 26)))
    if canvas.is_free(_lattice(x, low, x + .9, high)): hedge(canvas, rng, x, low, x + .9, high)


def closed_block(canvas: AerialCanvas, rng: Generator, block: Block):
    "Buildings wall to wall around a court."
    deep, rows = rng.uniform(11, 14), []
    if min(block.x1 - block.x0, block.y1 - block.y0) < 3 * deep: return shops(canvas, rng, block)
    for y in (block.y0 + 1, block.y1 - 1 - deep):
        rows += [(a, y, b, y + deep) for a, b in _pieces(rng, block.x0 + 1, block.x1 - 1)]
    for x in (block.x0 + 1, block.x1 - 1 - deep):
        rows += [(x, a, x + deep, b) for a, b in _pieces(rng, block.y0 + 1 + deep, block.y1 - 1 - deep)]
    court = box(block.x0 + deep, block.y0 + deep, block.x1 - deep, block.y1 - deep)
    if rng.random() < .5 and canvas.is_free(_lattice(*court[0], *court[2])):
        canvas.paint(GROUND, court[None], shade(rng, PAVING))
    for row in rows:
        if not canvas.is_free(_lattice(*row)) or rng.random() < .06: continue
        (gable_roof if rng.random() < .65 else flat_roof)(canvas, rng, *row, rng.uniform(11, 17))
    _trees(canvas, rng, block, 14, (1.8, 4))


def shops(canvas: AerialCanvas, rng: Generator, block: Block):
    "A large flat roof or two beside a car park."
    split = block.x0 + (block.x1 - block.x0) * rng.uniform(.45, .6)
    y = block.y0 + 4
    while (end := y + rng.uniform(20, 42)) < block.y1 - 3:
        roof = block.x0 + 4, y, split, end
        if canvas.is_free(_lattice(*roof)): flat_roof(canvas, rng, *roof, rng.uniform(6, 13))
        y = end + rng.uniform(5, 9)
    lot = Block(split + 5, block.y0 + 5, block.x1 - 4, min(block.y0 + 5 + rng.uniform(28, 42), block.y1 - 4))
    if canvas.is_free(_lattice(lot.x0, lot.y0, lot.x1, lot.y1)): _car_park(canvas, rng, lot)
    for _ in range(rng.integers(1, 4)):
        place = block.free(canvas, rng, 4)
        if place is not None: container(canvas, rng, *place)
    _trees(canvas, rng, block, 16, (1.6, 3.6))


def _car_park(canvas: AerialCanvas, rng: Generator, lot: Block):
    "Asphalt with bays on both sides of lanes; a few of them are taken."
    canvas.paint(ROAD, lot.outline[None], shade(rng, ASPHALT))
    rows = np.arange(lot.y0 + 3.2, lot.y1 - 2.5, 8.5)
    bays = np.arange(lot.x0 + 1, lot.x1 - CAR_WIDTH - .7, CAR_WIDTH + .8)
    for y in rows:
        lines = [box(x - .15, y - 2.5, x + .1, y + 2.5) for x in bays]
        if lines: canvas.detail(np.stack(lines), LANE_MARKS[0])
        for x in bays[:-1]:
            if rng.random() < .17: car(canvas, rng, x + CAR_WIDTH / 2 + .4, y + rng.uniform(-.3, .3), lengthwise=False)


def park(canvas: AerialCanvas, rng: Generator, block: Block):
    "Grass, trees, paths, and a pond in the middle unless the river runs through."
    if canvas.is_free(_lattice(block.x0, block.y0, block.x1, block.y1)): _paths_and_pond(canvas, rng, block)
    _trees(canvas, rng, block, int((block.x1 - block.x0) * (block.y1 - block.y0) / 36), (1.6, 4.6))


def _paths_and_pond(canvas: AerialCanvas, rng: Generator, block: Block):
    _paths(canvas, rng, block)
    radius = min(block.x1 - block.x0, block.y1 - block.y0) * rng.uniform(.17, .24)
    ragged = np.convolve(rng.uniform(.75, 1.25, 26), np.ones(3) / 3, "valid")[:, None]
    pond = block.center + disc(radius, corners=24) * ragged * (1.25, .9)
    canvas.paint(GROUND, (block.center + (pond - block.center) * 1.08)[None], shade(rng, SAND + GRASS))
    canvas.paint(WATER, pond[None], shade(rng, WATERS))


def _paths(canvas: AerialCanvas, rng: Generator, block: Block):
    "Two winding paths from side to side."
    t, color = np.linspace(0, 1, 24), shade(rng, SAND)
    for share in rng.uniform(.12, .88, 2):
        sway = np.sin(t * rng.uniform(4, 9) + rng.uniform(0, 6)) * 4
        x, y = block.x0 + (block.x1 - block.x0) * t, block.y0 + (block.y1 - block.y0) * share + sway
        canvas.detail(ribbon(np.stack([x, y], -1), 1.1), color)


def ribbon(line: np.ndarray, half: float) -> np.ndarray:
    "The quadrilaterals `[n-1,4,2]` of a band along `line` `[n,2]`, `half` to either side."
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], -1) / np.linalg.norm(along, axis=1, keepdims=True) * half
    a, b = line - across, line + across
    return np.stack([a[:-1], a[1:], b[1:], b[:-1]], 1)


def _trees(canvas: AerialCanvas, rng: Generator, block: Block, tries: int, radii: tuple[float, float]):
    for radius in rng.uniform(*radii, tries):
        place = block.free(canvas, rng, radius)
        if place is not None: tree(canvas, rng, *place, radius)


def _pieces(rng: Generator, low: float, high: float):
    "Ranges of 14 to 30 metres that make up the whole; the last takes what is left."
    while high - low > 36:
        yield low, (end := low + rng.uniform(14, 26))
        low = end
    if high - low > 4: yield low, high


def _lattice(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    "Points `[81,2]` all over a rectangle but its outermost 0.4 m, which it may share with a neighbour."
    x, y = np.linspace(x0 + .4, x1 - .4, 9), np.linspace(y0 + .4, y1 - .4, 9)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
