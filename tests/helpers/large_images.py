"Images that are larger than a crop, and differ in size: noise whose red is the class, and masks."

from pathlib import Path

import numpy as np
from PIL import Image

SIZES = {"train": ((150, 230), (64, 100), (200, 140)), "val": ((160, 200), (90, 70))}
RED, CLASSES = 80, ("ground", "wall", "door")  # red is 80 times the class, so that a shift of the mask shows


def write_large_images(root: Path) -> Path:
    "A folder with `images/`, `masks/` and `classes.txt`; a door is a rare class of a few pixels."
    rng = np.random.default_rng(0)
    for split, sizes in SIZES.items():
        for number, (height, width) in enumerate(sizes):
            mask = np.zeros((height, width), np.uint8)
            for _ in range(6):
                top, left = rng.integers(0, height - 20), rng.integers(0, width - 20)
                mask[top:top + 30, left:left + 40] = 1
            mask[height // 2:height // 2 + 4, width // 3:width // 3 + 5] = 2
            image = np.stack([RED * mask, *rng.integers(0, 256, (2, height, width), dtype=np.uint8)], axis=-1)
            for kind, pixels in (("images", image), ("masks", mask)):
                (root / kind / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / kind / split / f"{number}.png")
    (root / "classes.txt").write_text("\n".join(CLASSES))
    return root
