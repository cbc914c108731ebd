"A canvas that a city is painted on as seen from straight above: image, mask and cast shadows, at 0.2 m a pixel."

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from .canvas import Generator, noise

GROUND, ROAD, BUILDING, TREE, CAR, WATER = range(6)

PIXELS_PER_METRE = 5
CELLS = 90, 11, 2  # pixels: coarse, medium and fine grain

# Strength of the coarse, medium and fine grain on each class, as a part of its brightness; void has water's, the last.
GRAIN = np.array([[.09, .06, .06], [.06, .025, .05], [.03, .03, .05], [.06, .14, .12], [0, 0, .02], [.05, .03, .02]])
HUE = np.array([.07, .008, .015, .06, 0, .03])  # how much a class turns from green to brown


@dataclass(frozen=True)
class Frame:
    "A plan's place in an image of `size`: turned by `angle`, straight lines bent by up to `bend` metres."

    size: tuple[int, int]
    angle: float
    bend: float
    phase: float
    wave: float = 150

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        "Points `[...,2]` of the plan, x and y in metres, to pixels. Areas stay as they are."
        x, y = points[..., 0], points[..., 1]
        x = x + self.bend * np.sin(y / self.wave + self.phase)
        y = y + self.bend * np.sin(x / self.wave - self.phase)
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turned = np.stack([cos * x - sin * y, sin * x + cos * y], -1)
        return turned * PIXELS_PER_METRE + np.array(self.size[::-1]) / 2

    @property
    def reach(self) -> float:
        "Metres from the image's center within which the plan has to be drawn, each way."
        return float(np.hypot(*self.size)) / 2 / PIXELS_PER_METRE + self.bend + 20


class AerialCanvas:
    """Takes polygons of a plan in metres, the lowest first, and develops them to an image and a mask.

    `sun` is the shadow `[2]` of a metre's height, in metres of the image's own directions. Polygons are `[m,k,2]`,
    colors `[m,3]` or `[3]`.
    """

    def __init__(self, frame: Frame, sun: np.ndarray):
        self.frame, self.sun = frame, sun
        size = frame.size[::-1]
        self._image, self._mask = Image.new("RGB", size), Image.new("L", size, GROUND)
        self._draw_image, self._draw_mask = ImageDraw.Draw(self._image), ImageDraw.Draw(self._mask)
        self._solids: list[tuple[float, float, np.ndarray]] = []

    def paint(self, kind: int, polygons: np.ndarray, colors: np.ndarray):
        "Paint polygons of the class `kind` into image and mask."
        self._draw(polygons, colors, kind)

    def detail(self, polygons: np.ndarray, colors: np.ndarray):
        "Paint polygons into the image only: lane markings, windows, the leaves of a crown."
        self._draw(polygons, colors, None)

    def stands(self, polygon: np.ndarray, height: float, foot: float = 0):
        "What is `height` metres tall over `polygon` `[k,2]`, and open below `foot`: it casts a shadow on lower things."
        self._solids.append((height, foot, self.frame.to_pixels(polygon)))

    def is_free(self, points: np.ndarray) -> bool:
        "Whether nothing but ground is painted at `points` `[n,2]`, as far as they are inside the image."
        height, width = self.frame.size
        inside = ((int(x), int(y)) for x, y in self.frame.to_pixels(points) if 0 <= x < width and 0 <= y < height)
        return all(self._mask.getpixel(pixel) == GROUND for pixel in inside)

    def shows(self, point: np.ndarray) -> bool:
        "Whether `point` `[2]` is inside the image."
        x, y = self.frame.to_pixels(point)
        return bool(0 <= x < self.frame.size[1] and 0 <= y < self.frame.size[0])

    def light_on(self, slopes: np.ndarray) -> np.ndarray:
        "How bright `[m]` slopes are that face the directions `[m,2]` of the plan: 1 where one is level."
        cos, sin = np.cos(self.frame.angle), np.sin(self.frame.angle)
        sun = np.array([cos * self.sun[0] + sin * self.sun[1], cos * self.sun[1] - sin * self.sun[0]])
        return 1 - .28 * (slopes @ sun) / np.hypot(*sun)

    def develop(self, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
        "The finished image `[H,W,3]` and mask `[H,W]`, both uint8."
        mask = np.array(self._mask)
        kinds = np.minimum(mask, len(GRAIN) - 1)
        light = self._shadows()
        for i, cell in enumerate(CELLS): light *= 1 + GRAIN[:, i].astype(np.float32)[kinds] * self._noise(rng, cell)
        light *= 1 + np.float32(.05) * self._noise(rng, 700)
        hue = HUE.astype(np.float32)[kinds]
        hue *= self._noise(rng, 130) + np.float32(.5) * self._noise(rng, 17)
        return self._photograph(rng, light, hue), mask

    def _draw(self, polygons: np.ndarray, colors: np.ndarray, kind: int | None):
        pixels = self.frame.to_pixels(np.asarray(polygons, float))
        colors = np.broadcast_to(colors, (len(pixels), 3)).clip(0, 255).astype(int).tolist()
        edge = np.array(self.frame.size[::-1])
        shows = ((pixels.max(1) > 0) & (pixels.min(1) < edge)).all(1)
        for i in np.flatnonzero(shows):
            outline = pixels[i].round().astype(int).ravel().tolist()
            self._draw_image.polygon(outline, tuple(colors[i]))
            if kind is not None: self._draw_mask.polygon(outline, kind)

    def _shadows(self) -> np.ndarray:
        "The light `[H,W]` that is left: the lowest casts its shadow first, and what is taller stands in the sun."
        shadows = Image.new("L", self._mask.size, 0)
        shade = ImageDraw.Draw(shadows).polygon
        for height, foot, top in sorted(self._solids, key=lambda solid: solid[0]):
            near, far = (top + self.sun * length * PIXELS_PER_METRE for length in (foot, height))
            sides = np.stack([near, np.roll(near, -1, 0), np.roll(far, -1, 0), far], 1)
            for outline in (far, *sides): shade(outline.ravel().tolist(), 255)
            shade(top.ravel().tolist(), 0)
        soft = np.asarray(shadows.filter(ImageFilter.BoxBlur(1)), np.float32)
        return 1 - soft * np.float32(.55 / 255)

    def _noise(self, rng: Generator, cell: int) -> np.ndarray:
        return noise(rng, self.frame.size, cell)

    def _photograph(self, rng: Generator, light: np.ndarray, hue: np.ndarray) -> np.ndarray:
        "White balance, exposure, haze, a little blur and the sensor's noise; one channel at a time to spare memory."
        exposure, haze, sensor = rng.uniform(.9, 1.12), rng.uniform(4, 14), rng.uniform(2, 4)
        blur = ImageFilter.GaussianBlur(rng.uniform(.4, .6))
        pale, bands = ImageEnhance.Color(self._image).enhance(rng.uniform(.62, .8)), []
        for band, tint in zip(pale.split(), (1, -.3, .1), strict=True):
            # shadows are lit by the sky, which is blue
            sky, gain = np.float32(.08 - .1 * tint), np.float32(exposure * rng.uniform(.96, 1.04))
            values = np.array(band, np.float32)
            values *= light * (1 - sky) + sky
            values *= hue * (gain * np.float32(tint)) + gain
            values += np.float32(haze)
            soft = Image.fromarray(values.clip(0, 255, out=values).astype(np.uint8)).filter(blur)
            rng.standard_normal(out=values, dtype=np.float32)
            values *= np.float32(sensor)
            values += soft
            bands.append(values.clip(0, 255, out=values).astype(np.uint8))
        return np.stack(bands, -1)
