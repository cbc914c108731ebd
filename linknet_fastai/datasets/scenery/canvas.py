"A canvas that a street is painted on from back to front: image, mask and cast shadows, through one pinhole camera."

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ...images.mask import VOID
from .camera import Camera, Light

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(11)  # CamVid's order

SUPERSAMPLING = 2
THIN = .4  # fine pixels: what is thinner can't be seen, and PIL would draw it too wide

# Strength of the coarse, medium and fine grain on each class, as a part of its brightness.
GRAIN = np.full((256, 3), .04, np.float32)
GRAIN[[SKY, BUILDING, ROAD, PAVEMENT]] = (0, 0, 0), (.08, .04, .05), (.08, .04, .06), (.08, .06, .06)
GRAIN[TREE] = .12, .28, .28

Generator = np.random.Generator


@dataclass(frozen=True)
class _Stroke:
    "Polygons `[m,k,3]` painted in one go. `colors` None leaves the image alone, `kind` None the mask."

    polygons: np.ndarray
    colors: np.ndarray | None
    kind: int | None
    inside: tuple | np.ndarray = (np.nan, np.nan, np.nan)
    on_ground: bool = False

    def color_of_each(self) -> np.ndarray:
        return np.zeros((len(self.polygons), 3)) + (0 if self.colors is None else self.colors)


class Canvas:
    """Takes polygons in metres, the farthest first, and develops them to an image and a mask of `size` (height, width).

    Until then it only notes them down, to project, light and cull them all at once. Polygons are `[m,k,3]`,
    colors `[m,3]` or `[3]`.
    """

    def __init__(self, size: tuple[int, int], camera: Camera, light: Light):
        self.size, self.camera, self.light = size, camera, light
        self._strokes: list[_Stroke] = []
        self._shadows: list[np.ndarray] = []

    def enters(self, x: float) -> float:
        "The depth in metres from which on a thing at `x` is inside the image."
        beside = self.size[1] * SUPERSAMPLING - self.camera.u if x > 0 else self.camera.u
        return self.camera.focal * abs(x) / beside

    def paint(self, kind: int, polygons: np.ndarray, colors: np.ndarray):
        "Paint polygons of the class `kind` into image and mask."
        self._strokes.append(_Stroke(polygons, colors, kind))

    def detail(self, polygons: np.ndarray, colors: np.ndarray):
        "Paint polygons into the image only: windows, the bars of a railing that is labelled as a whole."
        self._strokes.append(_Stroke(polygons, colors, None))

    def label(self, kind: int, polygons: np.ndarray):
        "Paint polygons of the class `kind` into the mask only."
        self._strokes.append(_Stroke(polygons, None, kind))

    def solid(self, kind: int, polygons: np.ndarray, colors: np.ndarray, inside: np.ndarray):
        """As `paint`, for the faces of something solid: those that turn their inner side to the camera don't show.

        Args:
            kind: the class.
            polygons: `[m,k,3]` in metres.
            colors: `[m,3]` or `[3]`.
            inside: a point `[3]` within the solid.
        """
        self._strokes.append(_Stroke(polygons, colors, kind, inside))

    def ground(self, kind: int, polygons: np.ndarray, colors: np.ndarray):
        "As `paint`, for what lies flat: it takes shadows, and haze row by row."
        self._strokes.append(_Stroke(polygons, colors, kind, on_ground=True))

    def shadow(self, foot: np.ndarray, height: float):
        "The shadow on the ground of something upright: `foot` `[2,2]` are x, z of its two ends."
        tips = foot - self.light.sun[[0, 2]] / self.light.sun[1] * height
        self._shadows.append(np.insert(np.concatenate([foot, tips[::-1]]), 1, 0, axis=1))

    def develop(self, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
        "The finished image `[H,W,3]` and mask `[H,W]`, both uint8."
        image, fine_mask = self._draw()
        mask = fine_mask[::SUPERSAMPLING, ::SUPERSAMPLING].copy()
        grains = np.stack([noise(rng, self.size, cell) for cell in (32, 7, 2)], -1)
        image = image * (1 + (GRAIN[mask] * grains).sum(-1, keepdims=True))
        image = self._ground_in_light(image, mask)
        image = self._clouds_over(image, mask, grains)
        mask[_ambiguous(fine_mask)] = VOID
        return _photograph(rng, image), mask

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        "The flat image `[H,W,3]`, and the mask at supersampling."
        strokes = self._strokes
        owner = np.repeat(np.arange(len(strokes)), [len(s.polygons) for s in strokes])
        sizes = np.array([s.polygons.shape[1] for s in strokes])[owner]
        starts = np.cumsum(sizes) - sizes
        points = np.concatenate([s.polygons.reshape(-1, 3) for s in strokes])
        pixels = self.camera.project(points)
        normals, shows = self._face(points, starts, np.array([s.inside for s in strokes])[owner])
        shows &= self._in_view(pixels, starts)

        depth = np.add.reduceat(points[:, 2], starts) / sizes
        depth[np.array([s.on_ground for s in strokes])[owner]] = 0
        colors = self.light.on(np.concatenate([s.color_of_each() for s in strokes]), normals)
        colors = self.light.through_air(colors, depth[:, None]).clip(0, 255).astype(int).tolist()

        image, mask = self._blank("RGB", tuple(self.light.sky.astype(int).tolist())), self._blank("L", SKY)
        paint, label = ImageDraw.Draw(image).polygon, ImageDraw.Draw(mask).polygon
        for i in np.flatnonzero(shows):
            stroke, outline = strokes[owner[i]], pixels[starts[i]:starts[i] + sizes[i]].ravel().tolist()
            if stroke.colors is not None: paint(outline, tuple(colors[i]))
            if stroke.kind is not None: label(outline, stroke.kind)
        return self._shrunk(image), np.asarray(mask)

    def _face(self, points: np.ndarray, starts: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        "Each polygon's unit normal on our side of it, and whether that is its outside; one without inside has two."
        first = points[starts]
        normals = np.cross(points[starts + 1] - first, points[starts + 2] - first)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        normals *= np.sign(((self.camera.eye - first) * normals).sum(1, keepdims=True))
        return normals, ~(((inside - first) * normals).sum(1) >= 0)  # nan compares false

    def _in_view(self, pixels: np.ndarray, starts: np.ndarray) -> np.ndarray:
        low, high = np.minimum.reduceat(pixels, starts), np.maximum.reduceat(pixels, starts)
        edge = np.array(self.size[::-1]) * SUPERSAMPLING
        return ((high > 0) & (low < edge) & (high - low > THIN)).all(1)

    def _blank(self, mode: str, color) -> Image.Image:
        return Image.new(mode, (self.size[1] * SUPERSAMPLING, self.size[0] * SUPERSAMPLING), color)

    def _shrunk(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image.reduce(SUPERSAMPLING), np.float32)

    def _ground_in_light(self, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        "Darken road and pavement where a shadow falls, and fade them with distance."
        light, camera, shadows = self.light, self.camera, self._blank("L", 0)
        shade = ImageDraw.Draw(shadows).polygon
        for outline in camera.project(np.array(self._shadows)): shade(outline.ravel().tolist(), 255)
        dark = self._shrunk(shadows)[..., None] / 255 * light.direct / (light.direct + light.ambient)
        rows = np.arange(self.size[0], dtype=np.float32)[:, None, None] * SUPERSAMPLING - camera.v
        faded = light.through_air(image * (1 - dark), camera.focal * camera.height / np.maximum(rows, 1))
        return np.where(np.isin(mask, (ROAD, PAVEMENT))[..., None], faded, image)

    def _clouds_over(self, image: np.ndarray, mask: np.ndarray, grains: np.ndarray) -> np.ndarray:
        "Clouds over a sky that pales towards the horizon."
        rows = np.arange(self.size[0], dtype=np.float32)[:, None] * SUPERSAMPLING / self.camera.v
        cover = (self.light.overcast + .3 * rows + grains @ (.5, .1, .02)).clip(0, 1) * (mask == SKY)
        return image + (self.light.clouds - self.light.sky) * cover[..., None]


def noise(rng: Generator, size: tuple[int, int], cell: int) -> np.ndarray:
    "Smooth noise `[H,W]` of standard deviation 1 at its lattice points, a little less than `cell` pixels apart."
    height, width = size
    lattice = rng.standard_normal((height // cell + 2, width // cell + 2), np.float32)
    return np.asarray(Image.fromarray(lattice).resize((width, height), Image.BICUBIC))


def _ambiguous(fine_mask: np.ndarray) -> np.ndarray:
    "Pixels in which three classes meet: nobody could say which one it is."
    block = np.stack([fine_mask[i::SUPERSAMPLING, j::SUPERSAMPLING]
                      for i in range(SUPERSAMPLING) for j in range(SUPERSAMPLING)])
    block.sort(0)
    return (block[1:] != block[:-1]).sum(0) >= 2


def _photograph(rng: Generator, image: np.ndarray) -> np.ndarray:
    "White balance, exposure, contrast, a little blur and the sensor's noise."
    exposure = rng.uniform(90, 135) / image.mean()
    image = 255 * (image * exposure * rng.uniform(.92, 1.08, 3) / 255).clip(0, 1) ** rng.uniform(.85, 1.2)
    blurred = Image.fromarray(image.astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0, .4)))
    noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(2, 5)
    return (blurred + noise).clip(0, 255).astype(np.uint8)
