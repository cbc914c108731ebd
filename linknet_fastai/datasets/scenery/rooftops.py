"What an aerial photo shows of a city: roofs, trees, cars, drawn on their places in the plan, in metres."

import numpy as np

from ...images.mask import VOID
from .aerial import BUILDING, CAR, TREE, AerialCanvas
from .canvas import Generator
from .shapes import CARS, GLASS, disc, shade

# Grays, greens and browns come back in many: a color must not give its class away.
TILES = (150, 85, 65), (125, 70, 55), (165, 105, 80), (95, 85, 80), (85, 88, 95), (110, 95, 85)
FELT = (120, 118, 115), (150, 148, 142), (95, 95, 98), (170, 165, 155), (80, 82, 86), (125, 130, 120)
CROWNS = (62, 88, 45), (78, 102, 52), (52, 78, 48), (88, 108, 58), (105, 108, 58)
CONTAINERS = (165, 75, 55), (60, 90, 130), (175, 170, 160), (70, 110, 80)

CAR_LENGTH, CAR_WIDTH = 4.4, 2.0


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    "A rectangle `[4,2]`."
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)


def gable_roof(canvas: AerialCanvas, rng: Generator, x0: float, y0: float, x1: float, y1: float, height: float):
    "A roof with its ridge along the longer side, hipped or not, and a chimney or a window in it."
    turn, (u0, v0, u1, v1) = _lengthwise(x0, y0, x1, y1)
    middle, hip = (v0 + v1) / 2, (v1 - v0) / 2 * (rng.random() < .4)
    a, b = (u0 + hip, middle), (u1 - hip, middle)
    facets = [[(u0, v0), (u1, v0), b, a], [(u1, v1), (u0, v1), a, b]]
    slopes = [(0, -1), (0, 1)]
    if hip:
        facets += [[(u0, v1), (u0, v0), a, a], [(u1, v0), (u1, v1), b, b]]
        slopes += [(-1, 0), (1, 0)]
    color = shade(rng, TILES)
    _slopes(canvas, turn(np.array(facets)), turn(np.array(slopes)), color)
    canvas.stands(turn(box(u0, v0, u1, v1)), height)
    for _ in range(rng.integers(1, 3)):
        u, v = rng.uniform(u0 + hip + 1, max(u1 - hip - 2, u0 + hip + 1.1)), rng.uniform(v0 + 1, v1 - 2)
        canvas.detail(turn(box(u, v, u + .8, v + 1))[None], shade(rng, GLASS))


def wing(canvas: AerialCanvas, rng: Generator, x: float, eave: float, out: float, width: float, height: float):
    """A wing that makes an L or a T of a roof whose eave runs along y = `eave`: from there to y = `out`, around `x`.

    Its ridge runs on into that roof as far as an equal pitch takes it.
    """
    way, half = np.sign(out - eave), width / 2
    valley = eave - way * half
    left = [(x - half, out), (x - half, eave), (x, valley), (x, out)]
    right = [(x + half, out), (x + half, eave), (x, valley), (x, out)]
    _slopes(canvas, np.array([left, right]), np.array([(-1, 0), (1, 0)]), shade(rng, TILES, 8))
    canvas.stands(box(x - half, min(eave, out), x + half, max(eave, out)), height)


def flat_roof(canvas: AerialCanvas, rng: Generator, x0: float, y0: float, x1: float, y1: float, height: float):
    "A flat roof with a parapet, and machines and skylights on it."
    color, rim = shade(rng, FELT), rng.uniform(.4, .8)
    canvas.paint(BUILDING, box(x0, y0, x1, y1)[None], color * 1.15 + 10)
    canvas.detail(box(x0 + rim, y0 + rim, x1 - rim, y1 - rim)[None], color)
    canvas.stands(box(x0, y0, x1, y1), height)
    for _ in range(int((x1 - x0) * (y1 - y0) / 90)):
        w, h = rng.uniform(1.2, 3.5, 2)
        if x1 - x0 < w + 4 or y1 - y0 < h + 4: continue
        x, y = rng.uniform(x0 + 1.5, x1 - w - 1.5), rng.uniform(y0 + 1.5, y1 - h - 1.5)
        canvas.detail(box(x + .5, y + .5, x + w + .5, y + h + .5)[None], color * .6)
        canvas.detail(box(x, y, x + w, y + h)[None], shade(rng, FELT + GLASS))


def tree(canvas: AerialCanvas, rng: Generator, x: float, y: float, radius: float):
    "A crown, ragged and rounded by clumps of leaves that are brighter towards the sun."
    color, center = shade(rng, CROWNS, 10), np.array([x, y])
    crown = center + disc(1, corners=14) * radius * rng.uniform(.85, 1.1, (14, 1))
    canvas.paint(TREE, crown[None], color * .8)
    clumps = int(6 + radius * 4)
    angle, out = rng.uniform(0, 2 * np.pi, clumps), radius * .78 * np.sqrt(rng.random(clumps))
    middles = np.stack([np.cos(angle), np.sin(angle)], -1) * out[:, None]
    sizes = rng.uniform(.12, .26, clumps) * radius
    leaves = center + middles[:, None] + disc(1, corners=8) * sizes[:, None, None]
    lit = canvas.light_on(middles / radius) * rng.uniform(.85, 1.2, clumps)
    canvas.detail(leaves, color * lit[:, None])
    canvas.stands(crown, radius * rng.uniform(1.6, 2.2), radius * .5)


def car(canvas: AerialCanvas, rng: Generator, x: float, y: float, lengthwise: bool):
    "A car of `CAR_LENGTH` by `CAR_WIDTH` around `x`, `y`, along the plan's x where `lengthwise`, or its y."
    paint, glass = shade(rng, CARS), np.array((38, 42, 50))
    forward = rng.choice((-1, 1))
    a, b = CAR_LENGTH / 2, CAR_WIDTH / 2
    body = np.array([(-a, -b * .7), (-a * .85, -b), (a * .8, -b), (a, -b * .6), (a, b * .6), (a * .8, b), (-a * .85, b),
                     (-a, b * .7)])
    windows = np.stack([box(-a * .7, -b * .75, -a * .45, b * .75), box(a * .1, -b * .8, a * .42, b * .8)])
    roof = box(-a * .45, -b * .72, a * .1, b * .72)

    def place(outline: np.ndarray) -> np.ndarray:
        turned = outline * (forward, 1)
        return (turned if lengthwise else turned[..., ::-1]) + (x, y)

    canvas.paint(CAR, place(body)[None], paint)
    canvas.detail(place(windows), glass)
    canvas.detail(place(roof)[None], paint * 1.12 + 8)
    canvas.stands(place(body), 1.4)


def hedge(canvas: AerialCanvas, rng: Generator, x0: float, y0: float, x1: float, y1: float):
    "A clipped hedge."
    canvas.paint(TREE, box(x0, y0, x1, y1)[None], shade(rng, CROWNS))
    canvas.stands(box(x0, y0, x1, y1), 1.6)


def container(canvas: AerialCanvas, rng: Generator, x: float, y: float):
    "A container that stands about; void."
    outline = box(x - 3, y - 1.2, x + 3, y + 1.2)
    color = shade(rng, CONTAINERS)
    canvas.paint(VOID, outline[None], color)
    canvas.detail(np.stack([box(x + i, y - 1.1, x + i + .3, y + 1.1) for i in np.arange(-2.6, 2.6, .9)]), color * .8)
    canvas.stands(outline, 2.6)


def _slopes(canvas: AerialCanvas, facets: np.ndarray, slopes: np.ndarray, color: np.ndarray):
    canvas.paint(BUILDING, facets, color * canvas.light_on(slopes)[:, None])


def _lengthwise(x0: float, y0: float, x1: float, y1: float):
    "A function that turns points to the plan, and the rectangle as it is before: longer in its first direction."
    if x1 - x0 >= y1 - y0: return (lambda points: points), (x0, y0, x1, y1)
    return (lambda points: points[..., ::-1]), (y0, x0, y1, x1)
