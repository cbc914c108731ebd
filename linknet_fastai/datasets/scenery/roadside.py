"The street itself and what lines it: ground, houses, gardens, fences, trees."

from dataclasses import dataclass

import numpy as np

from .canvas import BUILDING, FENCE, PAVEMENT, ROAD, TREE, Canvas, Generator
from .shapes import (
    ASPHALT,
    BARK,
    FACADES,
    FENCES,
    GLASS,
    LANE_MARKS,
    LEAVES,
    PAVING,
    ROOFS,
    bars,
    disc,
    facing,
    flat,
    shade,
    upright,
)

FAR = 110  # metres: the end of the street


@dataclass(frozen=True)
class Street:
    "In metres: kerbs and walls are x, left and right; `crossing` is a side street's near and far z."

    kerbs: tuple[float, float]
    walls: tuple[float, float]
    crossing: tuple[float, float] | None


def ground(canvas: Canvas, rng: Generator, street: Street):
    "What lies flat: pavement with slabs and kerb stones, asphalt with patches and lane marks."
    asphalt, paving = shade(rng, ASPHALT), shade(rng, PAVING)
    canvas.ground(PAVEMENT, flat(-FAR, FAR, 1, FAR), paving)
    _slabs(canvas, rng, street, paving)
    _kerb_stones(canvas, street, paving * rng.uniform(.75, 1.25))
    canvas.ground(ROAD, flat(*street.kerbs, 1, FAR), asphalt)
    if street.crossing: canvas.ground(ROAD, flat(-FAR, FAR, *street.crossing), asphalt)
    _patches(canvas, rng, street, asphalt)
    _lane_marks(canvas, rng, street)


def _slabs(canvas: Canvas, rng: Generator, street: Street, paving: np.ndarray):
    joints = np.arange(2, 25, rng.uniform(.8, 2.5))
    for kerb, wall in zip(street.kerbs, street.walls):
        canvas.ground(PAVEMENT, np.concatenate([flat(kerb, wall, z, z + .06) for z in joints]), paving * .8)


def _kerb_stones(canvas: Canvas, street: Street, color: np.ndarray):
    left, right = street.kerbs
    canvas.ground(PAVEMENT, flat(left - .25, right + .25, 1, FAR), color)


def _patches(canvas: Canvas, rng: Generator, street: Street, asphalt: np.ndarray):
    "Mended asphalt."
    for _ in range(rng.integers(5)):
        x, z = rng.uniform(street.kerbs[0], street.kerbs[1] - 1), rng.uniform(3, 25)
        canvas.ground(ROAD, flat(x, x + rng.uniform(.3, 1), z, z + rng.uniform(.6, 6)), asphalt * rng.uniform(.7, 1.25))


def _lane_marks(canvas: Canvas, rng: Generator, street: Street):
    left, right = street.kerbs
    paint, middle = shade(rng, LANE_MARKS) * rng.uniform(.7, 1.1), (left + right) / 2
    marks = []
    dashes = np.arange(rng.uniform(1, 4), 60, 4)
    if rng.random() < .8: marks += [flat(middle - .08, middle + .08, z, z + 2) for z in dashes]
    if rng.random() < .4: marks += [flat(x - .07, x + .07, 1, FAR) for x in (left + .5, right - .5)]
    if street.crossing and rng.random() < .7:
        near = street.crossing[0] - 3.5
        marks += [flat(x, x + .5, near, near + 2.5) for x in np.arange(left + .4, right - .6, 1)]
    if marks: canvas.ground(ROAD, np.concatenate(marks), paint)


def skyline(canvas: Canvas, rng: Generator):
    "Houses and trees that close the street far away."
    x = -FAR
    while x < FAR:
        width = rng.uniform(10, 20)
        if rng.random() < .3: tree(canvas, rng, x, FAR, rng.uniform(8, 18))
        else:
            ends = np.array([[x, FAR], [x + width, FAR]])
            _wall(canvas, rng, *ends, rng.uniform(6, 18), shade(rng, FACADES))
        x += width * .8


def side(canvas: Canvas, rng: Generator, street: Street, right: bool):
    "Houses and gardens along the left or the right side, from the farthest to the nearest; none at the crossing."
    blocks = [(2, FAR * .85)]
    if street.crossing: blocks = [(street.crossing[1] + 3, FAR * .85), (2, street.crossing[0] - 3)]
    for start, end in blocks:
        plots = np.linspace(end, start, max(2, round((end - start) / rng.uniform(11, 18)) + 1))
        for far, near in zip(plots, plots[1:]):
            if far < canvas.enters(street.walls[right]): break
            draw = _house if rng.random() < .55 else _garden
            draw(canvas, rng, street.walls[right], 1 if right else -1, near, far)


def _house(canvas: Canvas, rng: Generator, x: float, outwards: int, near: float, far: float):
    height, back, color = rng.uniform(4, 14), x + outwards * 10, shade(rng, FACADES)
    ridge, middle = height + rng.uniform(1, 4), (x + back) / 2
    roof = np.array([[[x, height, near], [x, height, far], [middle, ridge, far], [middle, ridge, near]]])
    gable = np.array([[[x, height, near], [back, height, near], [middle, ridge, near]]])
    canvas.paint(BUILDING, roof, shade(rng, ROOFS))
    canvas.paint(BUILDING, gable, color)
    canvas.shadow(np.array([[x, near], [x, far]]), height)
    _wall(canvas, rng, np.array([x, near]), np.array([back, near]), height, color)
    _wall(canvas, rng, np.array([x, far]), np.array([x, near]), height, color)


def _wall(canvas: Canvas, rng: Generator, a: np.ndarray, b: np.ndarray, height: float, color: np.ndarray):
    "A wall from `a` to `b` (x, z): bays with plinth, cornice and windows, doors or shops at the ground."
    def part(start, end, low, high): return upright(a + np.outer(start, b - a), a + np.outer(end, b - a), low, high)

    bays = max(1, round(np.linalg.norm(b - a) / rng.uniform(2.2, 4)))
    edges = np.linspace(0, 1, bays + 1)
    canvas.paint(BUILDING, part(edges[:-1], edges[1:], 0, height), color)
    for low, high, tone in ((0, .6, .75), (height - .4, height, rng.uniform(.7, 1.3))):
        canvas.detail(part(edges[:-1], edges[1:], low, high), color * tone)
    storey, tall, half = rng.uniform(2.7, 3.5), rng.uniform(1.1, 1.9), rng.uniform(.15, .36) / bays
    doors = (edges[:-1] + edges[1:]) / 2
    centers, floors = (grid.ravel() for grid in np.meshgrid(doors, np.arange(storey + .8, height - tall - .5, storey)))
    _windows(canvas, rng, part, doors, np.full(bays, rng.uniform(.1, .9)), half * rng.uniform(.7, 1.3), 1.9, color)
    if len(centers): _windows(canvas, rng, part, centers, floors, half, tall, color)


def _windows(canvas: Canvas, rng: Generator, part, centers: np.ndarray, floors: np.ndarray, half: float, tall: float,
             wall: np.ndarray):
    "Frames, and panes that each reflect something else; `part` cuts rectangles from the wall."
    rim = half * 1.25
    frames = part(centers - rim, centers + rim, floors - .15, floors + tall + .15)
    panes = part(centers - half, centers + half, floors, floors + tall)
    canvas.detail(frames, wall * rng.uniform(.6, 1.4))
    canvas.detail(panes, shade(rng, GLASS) * rng.uniform(.6, 1.3, (len(panes), 1)))


def _garden(canvas: Canvas, rng: Generator, x: float, outwards: int, near: float, far: float):
    "Trees and a hedge behind a fence."
    for z in np.sort(rng.uniform(near, far, 3))[::-1]: tree(canvas, rng, x + outwards * rng.uniform(2, 6), z)
    hedge, height, leaves = x + outwards * 1.2, rng.uniform(.8, 2.4), shade(rng, LEAVES)
    canvas.paint(TREE, upright([hedge, far], [hedge, near], 0, height), leaves)
    canvas.paint(TREE, upright([hedge, near], [hedge + outwards * 8, near], 0, height), leaves * .9)
    fence(canvas, rng, [(x + outwards * 8, near), (x, near)])
    fence(canvas, rng, [(x, far), (x, near)])


def fence(canvas: Canvas, rng: Generator, ends: list):
    "Boards, or a railing that is seen through, between two points (x, z); labelled as a whole, as CamVid's is."
    a, b = np.array(ends, float)
    length, height, color = np.linalg.norm(b - a), rng.uniform(1.3, 2.2), shade(rng, FENCES)
    railing, coarser = rng.random() < .5, max(1, b[1] / 20)  # far pickets would be thinner than a pixel
    pitch, filled = (rng.uniform(.3, .5) * coarser, .35) if railing else (rng.uniform(.3, .8) * coarser, .85)
    starts = np.arange(0, 1, pitch / length)
    posts = upright(a + np.outer(starts, b - a), a + np.outer(starts + filled * pitch / length, b - a), 0, height)
    rails = upright([a, a], [b, b], np.array([.2, height - .25]), np.array([.35, height - .1]))
    whole = upright(a, b, 0, height)
    if not railing: canvas.detail(whole, color * .65)
    canvas.detail(posts, color)
    canvas.detail(rails, color * 1.1)
    canvas.label(FENCE, whole)
    canvas.shadow(np.stack([a, b]), height)


def tree(canvas: Canvas, rng: Generator, x: float, z: float, height: float | None = None):
    "A tree of `height` metres (random if not given) at `x`, `z`: a trunk and clumps of leaves."
    height = height or rng.uniform(3.5, 9)
    radius, leaves = height * rng.uniform(.2, .33), shade(rng, LEAVES)
    middle = height - radius
    canvas.paint(TREE, facing(bars([((0, 0), (rng.uniform(-.3, .3), middle))], [height * .05]), x, z), shade(rng, BARK))
    offsets = rng.normal(0, .4, (24, 2)).clip(-.75, .75) * radius * (1, rng.uniform(.8, 1.4))
    clumps = disc(radius, corners=9) * rng.uniform(.25, .5, (24, 9, 1)) + offsets[:, None] + (0, middle)
    light = 1 + .25 * offsets[:, 1:] / radius + rng.uniform(-.2, .2, (24, 1))
    canvas.paint(TREE, facing(clumps, x, z), leaves * light)
    canvas.shadow(np.array([[x - radius * .7, z], [x + radius * .7, z]]), height)
