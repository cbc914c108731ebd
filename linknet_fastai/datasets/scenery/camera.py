"What a camera makes of a street: its perspective, and the weather's light."

from dataclasses import dataclass

import numpy as np

NEAR = .5  # metres: nothing comes nearer to the lens


@dataclass(frozen=True)
class Camera:
    "A pinhole `height` metres up; `focal` and the vanishing point `u`, `v` in fine pixels. x is right, y up, z ahead."

    height: float
    focal: float
    u: float
    v: float

    def project(self, points: np.ndarray) -> np.ndarray:
        "Points `[...,3]` in metres to fine pixels `[...,2]`."
        scale = self.focal / np.maximum(points[..., 2:], NEAR)
        return (self.u, self.v) + (points[..., :2] - (0, self.height)) * scale * (1, -1)

    @property
    def eye(self) -> np.ndarray:
        "Where the camera is, `[3]` in metres."
        return np.array([0, self.height, 0])


@dataclass(frozen=True)
class Light:
    "What the weather does to colors 0..255: `sun` points to it, `overcast` adds clouds, `visibility` is in metres."

    sun: np.ndarray
    direct: float
    ambient: float
    sky: np.ndarray
    clouds: np.ndarray
    overcast: float
    visibility: float

    def on(self, colors: np.ndarray, normals: np.ndarray) -> np.ndarray:
        "Colors `[m,3]` of surfaces with unit `normals` `[m,3]`, lit."
        return colors * (self.ambient + self.direct * np.maximum(normals @ self.sun, 0))[:, None]

    def through_air(self, colors: np.ndarray, distances: np.ndarray) -> np.ndarray:
        "Colors as haze leaves them at `distances` in metres; both broadcast."
        haze = (self.sky + self.clouds) / 2
        return haze + (colors - haze) * np.exp(-distances / self.visibility)
