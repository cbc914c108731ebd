"Masks of regions that are hard to outline, and how far polygons drawn again are from them."

import numpy as np

from linknet_fastai.datasets.annotations.rasterize import fill


def masks() -> dict[str, np.ndarray]:
    "uint8 `[H,W]` of two or three classes."
    empty = np.zeros((20, 24), dtype=np.uint8)
    found = {name: empty.copy() for name in ("one class", "hole", "island", "touching", "pinched", "border", "nested")}
    found["hole"][4:16, 4:20] = 1
    found["hole"][8:12, 8:14] = found["hole"][6:8, 16:18] = 0
    found["island"][5, 5] = found["island"][9, 9] = 1
    found["island"][9, 10] = 2
    found["touching"][4:8, 4:8] = found["touching"][8:12, 8:12] = 1
    found["pinched"][4:13, 4:13] = 1  # its two holes touch at a corner, and the second the outside
    found["pinched"][6:8, 6:8] = found["pinched"][8:10, 8:10] = found["pinched"][12, 12] = 0
    found["pinched"][10:12, 10:12] = 2
    found["border"][:3], found["border"][:, -1], found["border"][0, 0] = 1, 2, 2
    for depth in range(1, 5): found["nested"][2 * depth:-2 * depth, 2 * depth:-2 * depth] = depth % 3
    y, x = np.mgrid[:60, :80]
    found["round"] = ((x - 40) ** 2 + (y - 30) ** 2 < 500).astype(np.uint8)
    found["round"][(x - 45) ** 2 + (y - 28) ** 2 < 60] = 2
    found["pixel"], found["row"] = np.ones((1, 1), np.uint8), np.array([[0, 1, 1, 0, 2]], np.uint8)
    rng = np.random.default_rng(0)
    found["noise"] = rng.integers(0, 3, (20, 30)).astype(np.uint8)
    found["blocks"] = rng.integers(0, 3, (10, 12)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    return found


def draw(shapes, size: tuple[int, int], background: int = 254) -> np.ndarray:
    "Shapes (a class and its rings, which are filled together, even-odd) one over the other, uint8 `[H,W]`."
    mask = np.full(size, background, dtype=np.uint8)
    for index, rings in shapes:
        inside = np.zeros(size, dtype=bool)
        for ring in rings:
            top, rows = fill(np.asarray(ring, dtype=float), size)
            inside[top:top + len(rows)] ^= rows
        mask[inside] = index
    return mask


def is_within_a_pixel(mask: np.ndarray, drawn: np.ndarray) -> bool:
    "Whether each pixel has its class, or that of one of its eight neighbours."
    padded, fits = np.pad(mask, 1, mode="edge"), np.zeros(mask.shape, dtype=bool)
    for y in range(3):
        for x in range(3): fits |= padded[y:y + mask.shape[0], x:x + mask.shape[1]] == drawn
    return bool(fits.all())
