"Drawn street scenes, the embedded default: CamVid's eleven classes with nothing to download."

import json
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from PIL import Image

from ..errors import UserError, check_choice
from ..files import atomic_folder, user_cache
from ..images.mask import VOID
from ..progress import Progress, silent
from ..recipes import AS_IS
from .camvid import CLASSES, PALETTE
from .dataset import SegmentationDataset
from .scenery.scene import draw_street

VERSION = "streets-v1"  # names the folder: raise it whenever the drawing changes
# from scratch in minutes on two cores (benchmarks/README.md): one high lr for all, and images as they are, since so few
# epochs learn none by heart
DEFAULTS = dict(weights="none", epochs=13, lr=1e-2, **AS_IS)
PROTOCOL = "streets11"
IMAGES = {"train": 200, "val": 50, "test": 50}
COUNTS = "images.json"  # how many were drawn
MOST_PROCESSES = 8  # that draw: each takes memory and a second to start, and there are 300 scenes
IDLE = 1  # seconds after which those without work end: training needs their memory


def streets(root: str | Path | None = None, protocol: str = PROTOCOL,
            progress: Progress = silent) -> SegmentationDataset:
    """Street scenes of 128x160 drawn by this package, the same on every machine.

    They are drawn once, by several processes, to `root/streets-v1` (default root: the user's cache folder); `progress`
    shows how far that is. `UserError` for another protocol, and where that folder can't be written or lacks some.
    """
    check_choice("streets' protocol", protocol, [PROTOCOL])
    is_fetched = root is None
    root = user_cache() if root is None else Path(root).resolve()
    folder = root / VERSION
    if not folder.is_dir():
        try:
            with atomic_folder(folder, first_wins=True) as fresh: _draw(fresh, progress)
        except OSError as error:
            raise UserError(f"{root}: the street scenes can't be drawn there ({error}); pass a folder that you may "
                            "write to with `--data DIR`.") from error
    table = pd.DataFrame([(*_files(folder, *place), place[0]) for place in _places(_drawn(folder))],
                         columns=["image", "mask", "split"])
    missing = [file for row in zip(table["image"], table["mask"]) for file in row if not file.is_file()]
    if missing:
        raise UserError(f"{folder}: lacks {len(missing)} files of the street scenes, such as {missing[0].name} of "
                        f"{missing[0].parent.relative_to(folder)}; remove this folder, and they are drawn anew.")
    values = {index: index for index in range(len(CLASSES))} | {VOID: VOID}
    return SegmentationDataset("streets", PROTOCOL, CLASSES, PALETTE, table, values, DEFAULTS, root,
                               options={"protocol": protocol}, split_source="the drawing",
                               is_fetched=is_fetched)


def _draw(folder: Path, progress: Progress):
    for split in IMAGES:
        for part in ("images", "masks"): (folder / split / part).mkdir(parents=True)
    (folder / COUNTS).write_text(json.dumps(IMAGES))
    places = _places(IMAGES)
    jobs = Parallel(n_jobs=min(MOST_PROCESSES, cpu_count()), return_as="generator", idle_worker_timeout=IDLE)
    with warnings.catch_warnings(), closing(jobs(map(delayed(draw_street), range(len(places))))) as scenes:
        warnings.filterwarnings("ignore", ".* tasks ", UserWarning)  # joblib's, beside what went wrong
        for (image, mask), place in zip(progress(scenes, len(places)), places): _save(folder, *place, image, mask)


def _drawn(folder: Path) -> dict[str, int]:
    "How many scenes of each split were drawn; earlier versions drew all and didn't write it down."
    try:
        counts = json.loads((folder / COUNTS).read_text())
        return {split: int(counts[split]) for split in IMAGES}
    except FileNotFoundError: return IMAGES
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{folder / COUNTS}: is damaged ({error}); remove this folder, and the street scenes are drawn "
                        "anew.") from error


def _places(images: dict[str, int]) -> list[tuple[str, int]]:
    "Of all scenes, in the order in which they are drawn: the split, and the number in it."
    return [(split, number) for split, count in images.items() for number in range(count)]


def _files(folder: Path, split: str, number: int) -> tuple[Path, Path]:
    "A scene's image and mask."
    return tuple(folder / split / part / f"{number:03}.png" for part in ("images", "masks"))


def _save(folder: Path, split: str, number: int, image: np.ndarray, mask: np.ndarray):
    image_file, mask_file = _files(folder, split, number)
    Image.fromarray(image).save(image_file, compress_level=1)
    paletted = Image.fromarray(mask)
    paletted.putpalette(_palette())
    paletted.save(mask_file)


def _palette() -> bytes:
    "CamVid's colors for the 256 values of a mask; black where there is no class."
    palette = np.zeros((256, 3), np.uint8)
    palette[:len(PALETTE)] = PALETTE
    return palette.tobytes()
