"What every mask has: 255 for what is no class, and the dataset's colors for who looks at it."

import numpy as np
from PIL import Image

Color = tuple[int, int, int]  # red, green and blue, 0 to 255
Palette = tuple[Color, ...]  # a color a class

VOID = 255  # what is no class: unlabelled, ignored by loss and scores, never predicted
VOID_GRAY = 220


def to_palette_image(mask: np.ndarray, palette: Palette) -> Image.Image:
    "Classes uint8 `[H,W]` as an image of indices with the dataset's colors; void is gray."
    image = Image.fromarray(mask).convert("P")
    colors = np.full((256, 3), VOID_GRAY, dtype=np.uint8)
    colors[:len(palette)] = palette
    image.putpalette(colors.tobytes())
    return image
