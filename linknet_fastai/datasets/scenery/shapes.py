"Colors and outlines that the things of a street are made from, in metres."

import numpy as np

from .canvas import Generator

# Some paints of each material. Grays, greens and browns come back in many: a color must not give its class away.
ASPHALT = (75, 75, 80), (100, 98, 95), (125, 122, 118), (95, 85, 80)
PAVING = (120, 118, 115), (150, 145, 138), (140, 105, 90), (100, 100, 105), (165, 150, 125)
FACADES = ((150, 80, 65), (200, 185, 155), (110, 110, 115), (165, 165, 165), (225, 220, 210), (115, 85, 65),
           (95, 115, 130), (190, 140, 80))
ROOFS = (120, 60, 50), (70, 70, 75), (95, 80, 70)
GLASS = (40, 45, 55), (70, 85, 100), (150, 165, 180), (230, 200, 130)
LEAVES = (50, 85, 35), (85, 110, 45), (40, 65, 45), (65, 100, 40), (145, 110, 45)
BARK = (80, 65, 50), (95, 90, 85)
FENCES = (50, 80, 50), (110, 80, 55), (130, 130, 130), (50, 50, 50), (215, 210, 200), (90, 115, 70)
METALS = (115, 115, 115), (60, 60, 60), (155, 155, 150), (50, 75, 60), (110, 90, 70)
CARS = ((200, 200, 200), (110, 112, 115), (35, 35, 40), (150, 25, 25), (30, 60, 120), (55, 85, 60), (190, 160, 50),
        (150, 135, 110))
CLOTHES = ((40, 45, 65), (150, 40, 45), (190, 185, 175), (60, 90, 60), (110, 110, 110), (50, 45, 40), (200, 160, 60),
           (80, 110, 150))
SKIN = (225, 180, 150), (190, 140, 110), (120, 80, 60)
HAIR = (40, 30, 25), (110, 80, 50), (150, 145, 140)
SIGNS = (185, 30, 35), (35, 75, 160), (225, 190, 50), (230, 230, 230), (40, 110, 60)
RUBBER = ((30, 30, 32),)
LANE_MARKS = ((205, 205, 195),)


def shade(rng: Generator, paints: tuple, spread: float = 15) -> np.ndarray:
    "One of the `paints`, lighter or darker by up to `spread`, and a little off in hue."
    return np.array(paints[rng.integers(len(paints))]) + rng.uniform(-spread, spread) + rng.uniform(-8, 8, 3)


def upright(a: np.ndarray, b: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    "Standing rectangles `[m,4,3]` over the ground lines from `a` to `b` `[m,2]` (x, z), from `low` to `high`."
    a, b = np.atleast_2d(a), np.atleast_2d(b)
    rectangles = np.empty((len(a), 4, 3))
    rectangles[:, (0, 3), ::2], rectangles[:, (1, 2), ::2] = a[:, None], b[:, None]
    rectangles[:, :2, 1], rectangles[:, 2:, 1] = np.reshape(low, (-1, 1)), np.reshape(high, (-1, 1))
    return rectangles


def flat(left: float, right: float, near: float, far: float) -> np.ndarray:
    "A rectangle `[1,4,3]` on the ground."
    return np.array([[[left, 0, near], [right, 0, near], [right, 0, far], [left, 0, far]]], float)


def facing(outlines: np.ndarray, x: float, z: float) -> np.ndarray:
    "Outlines `[m,k,2]` (right, up), or one `[k,2]`, as polygons `[m,k,3]` that stand at `x`, `z` and face us."
    outlines = np.asarray(outlines, float)
    if outlines.ndim == 2: outlines = outlines[None]
    depth = np.full((*outlines.shape[:2], 1), z)
    return np.concatenate([outlines + (x, 0), depth], -1)


def disc(radius: float, center: tuple[float, float] = (0, 0), corners: int = 12) -> np.ndarray:
    "The outline `[k,2]` of a disc, or with few corners of a polygon that stands on its side."
    angle = (np.arange(corners) + .5) * 2 * np.pi / corners - np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], -1) * radius + center


def bars(joints: list, widths: list) -> np.ndarray:
    "Bars `[m,4,2]` between `m` pairs of joints ((x, y), (x, y)): limbs, tubes, poles."
    joints = np.array(joints, float)
    along = joints[:, 1] - joints[:, 0]
    across = np.stack([-along[:, 1], along[:, 0]], -1) / np.linalg.norm(along, axis=1, keepdims=True)
    across *= np.array(widths, float)[:, None] / 2
    return np.stack([joints[:, 0] - across, joints[:, 1] - across, joints[:, 1] + across, joints[:, 0] + across], 1)


def ring(radius: float, width: float, center: tuple[float, float]) -> np.ndarray:
    "A wheel's tyre as bars `[12,4,2]`."
    outer, inner = disc(radius, center), disc(radius - width, center)
    return np.stack([outer, np.roll(outer, -1, 0), np.roll(inner, -1, 0), inner], 1)


def extrude(profile: np.ndarray, left: float, right: float) -> tuple[np.ndarray, np.ndarray]:
    "A profile `[k,2]` (up, along) drawn out from `left` to `right`: its rim `[k,4,3]` and its two sides `[2,k,3]`."
    a, b = (np.insert(profile, 0, across, axis=1) for across in (left, right))
    return np.stack([a, np.roll(a, -1, 0), np.roll(b, -1, 0), b], 1), np.stack([a, b])
