"Images at other sizes."

import numpy as np
from PIL import Image

LONGEST_JPEG = 65500  # the longest side that JPEG has in Pillow


def scaled_size(size: tuple[int, int], area: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) in the shape of `size` that has as many pixels as `area`.

    Training, evaluation and prediction all see images so: in their own shape, at the number of pixels that was trained
    at.
    """
    height, width = size
    zoom = (area[0] * area[1] / (height * width)) ** 0.5
    return max(1, round(height * zoom)), max(1, round(width * zoom))


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    "Pixels uint8 `[H,W,C]` as `[C,h,w]` of `size` (height, width), resized with antialiasing where that is another."
    if pixels.shape[:2] == size: return pixels.transpose(2, 0, 1)
    def resize(part: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(part).resize(size[::-1], Image.Resampling.BILINEAR))
    if pixels.shape[-1] == 3: return resize(pixels).transpose(2, 0, 1)
    # each for itself: Pillow would take a fourth channel for transparency
    return np.stack([resize(np.ascontiguousarray(channel)) for channel in np.moveaxis(pixels, -1, 0)])
