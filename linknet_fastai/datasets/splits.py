"Which images are trained on, and which are held out: as people have it, or drawn once."

import re
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError
from .files_inside import inside

SPLITS = ("train", "val", "test")
WORDS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
         "testing": "test"}
FRACTION, SEED = 0.2, 0  # of the split that is drawn where there is none


def split_of_folder(name: str) -> str | None:
    "`train`, `val` or `test` for what people call them, such as Training, valid or val2017; None for any other name."
    return WORDS.get(re.sub(r"[_-]?\d{4}$", "", name.lower()))


def draw_split(names: list[str]) -> dict[str, str]:
    "A fifth of the images, of which there are 2 or more, for validation: the same for the same names in any order."
    names = sorted(names)
    count = max(1, round(FRACTION * len(names)))
    chosen = set(np.random.default_rng(SEED).choice(len(names), count, replace=False))
    return {name: "val" if number in chosen else "train" for number, name in enumerate(names)}


def read_splits(root: Path | None, path: Path, follow_links: bool = False) -> dict[str, str]:
    """The split of each image, by its path below a dataset's folder, from a CSV with the columns `image` and `split`.

    The file is no link that leads out of `root`, if there is one, but with `follow_links`. `UserError` for what is no
    such table.
    """
    file = inside(root, path, follow_links)
    try: table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding_errors="surrogateescape")
    except ValueError as error:
        raise UserError(f"{path}: is no table ({error}); remove it to have one drawn.") from error
    if not {"image", "split"} <= set(table.columns):
        raise UserError(f"{path}: needs the columns image and split; correct it, or remove it to have one drawn.")
    found: dict[str, str] = {}
    for row, (image, split) in enumerate(zip(table.image, table.split), start=2):
        if split not in SPLITS: raise UserError(f"{path}: line {row} has the split {split!r}, not train, val or test; "
                                                "correct it.")
        if image in found: raise UserError(f"{path}: line {row} names {image} a second time; keep one of the lines.")
        found[image] = split
    return found
