"Drawn street scenes, the embedded default: CamVid's eleven classes with nothing to download."

import tempfile
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
from PIL import Image

from ..errors import UserError, check_choice
from ..images import VOID
from .camvid import CLASSES, PALETTE
from .dataset import SegmentationDataset
from .scenery.scene import draw_street

VERSION = "streets-v1"  # names the folder: raise it whenever the drawing changes
# from scratch in minutes on two cores (benchmarks/README.md): one high lr for all, and little augmentation of what is
# drawn in variety
DEFAULTS = dict(weights="none", epochs=18, lr=1e-2, scale=(0.95, 1.2), rotation=1.0, shear=0.05)
PROTOCOL = "streets11"
IMAGES = {"train": 200, "val": 50, "test": 50}


def streets(root: str | Path | None = None, protocol: str = PROTOCOL) -> SegmentationDataset:
    """Street scenes of 128x160 drawn by this package, the same on every machine.

    They are drawn once, in a few seconds, to `root/streets-v1` (default root: the user's cache folder). `UserError`
    for another protocol, and where that folder can't be written.
    """
    check_choice("streets' protocol", protocol, [PROTOCOL])
    is_fetched = root is None
    root = platformdirs.user_cache_path("linknet-fastai") if root is None else Path(root).resolve()
    folder = root / VERSION
    if not folder.is_dir():
        try: _draw_aside(folder)
        except OSError as error:
            raise UserError(f"{root}: the street scenes can't be drawn there ({error}); pass a folder that you may "
                            "write to with `--data DIR`.") from error
    rows = [(image, folder / split / "masks" / image.name, split)
            for split in IMAGES for image in sorted((folder / split / "images").iterdir())]
    table = pd.DataFrame(rows, columns=["image", "mask", "split"])
    values = {index: index for index in range(len(CLASSES))} | {VOID: VOID}
    return SegmentationDataset("streets", PROTOCOL, CLASSES, PALETTE, table, values, DEFAULTS, root,
                               options={"protocol": protocol}, split_source="the drawing",
                               is_fetched=is_fetched)


def _draw_aside(folder: Path):
    "Draw beside `folder` and rename at the end: it is there whole or not at all, whoever is killed or comes second."
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as aside:
        fresh, seeds = Path(aside) / folder.name, count()
        for split, images in IMAGES.items(): _draw_split(fresh / split, islice(seeds, images))
        try: fresh.rename(folder)
        except OSError:
            if not folder.is_dir(): raise


def _draw_split(folder: Path, seeds: Iterable[int]):
    for part in ("images", "masks"): (folder / part).mkdir(parents=True)
    for number, seed in enumerate(seeds):
        image, mask = draw_street(seed)
        Image.fromarray(image).save(folder / "images" / f"{number:03}.png", compress_level=1)
        paletted = Image.fromarray(mask)
        paletted.putpalette(_palette())
        paletted.save(folder / "masks" / f"{number:03}.png")


def _palette() -> bytes:
    "CamVid's colors for the 256 values of a mask; black where there is no class."
    palette = np.zeros((256, 3), np.uint8)
    palette[:len(PALETTE)] = PALETTE
    return palette.tobytes()
