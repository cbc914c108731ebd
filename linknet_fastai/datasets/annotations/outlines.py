"Rectangles and ellipses as polygons, and numbers that are none."

import math
from collections.abc import Sequence

import numpy as np

from ...errors import UserError

SAGITTA = 0.05  # pixels that a polygon may run beside its circle


def ring(points: Sequence, where: str) -> np.ndarray:
    "Float `[N,2]` of (x, y) pairs; `UserError`, which says `where`, for what are no pairs of finite numbers."
    try: values = np.array(points, dtype=float).reshape(len(points), 2)
    except (ValueError, TypeError) as error: raise UserError(f"{where}: has points that are no pairs of numbers; "
                                                             "correct it.") from error
    return finite(values, where)


def finite(values: np.ndarray, where: str) -> np.ndarray:
    "The same coordinates; `UserError`, which says `where`, if one of them is infinite or no number."
    if not np.isfinite(values).all():
        raise UserError(f"{where}: has a coordinate that is no finite number; correct it.")
    return values


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    "The ring `[4,2]`; the corners may be any two that lie opposite."
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=float)


def ellipse(x: float, y: float, x_radius: float, y_radius: float) -> np.ndarray:
    "A ring that runs nowhere more than `SAGITTA` beside an ellipse, or a circle, around (x, y)."
    radius = max(abs(x_radius), abs(y_radius), 1)
    count = min(max(8, math.ceil(math.pi / math.acos(1 - SAGITTA / radius))), 10_000)
    angles = np.arange(count) * (2 * math.pi / count)
    return np.stack([x + x_radius * np.cos(angles), y + y_radius * np.sin(angles)], axis=1)


def turned(ring: np.ndarray, degrees: float, around: tuple[float, float]) -> np.ndarray:
    "The ring, turned clockwise as one sees it, y pointing down."
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return (ring - around) @ np.array([[cosine, sine], [-sine, cosine]]) + around
