"Images and masks that a list names: a table of both, or Pascal VOC's lists of splits."

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..errors import UserError
from ..images import SUFFIXES, VOID, is_junk
from .files_inside import inside, read_lines
from .splits import split_of_folder


@dataclass(frozen=True)
class Layout:
    """What was recognised.

    `samples` are (image, mask) files, where one has no partner with the path where that should be. `splits` has the
    split of each, None where nothing says it. `description` says what it is, `split_source` where the splits came from;
    `void` values are void there.
    """

    samples: list[tuple[Path, Path]]
    splits: list[str | None]
    description: str
    split_source: str = ""
    void: frozenset[int] = frozenset()


def table_of_samples(root: Path) -> Layout | None:
    "A CSV with columns `image`, `mask` and maybe `split`, of paths relative to it."
    for path in sorted(root.glob("*.csv")):
        if is_junk(path.name) or not {"image", "mask"} <= set(_header(path)): continue
        table = pd.read_csv(inside(root, path), dtype=str, keep_default_na=False)
        samples = [(path.parent / image, path.parent / mask) for image, mask in zip(table.image, table["mask"])]
        for row, sample in enumerate(samples, start=2):
            if any(".." in each.relative_to(path.parent).parts for each in sample):
                raise UserError(f"{path}: line {row} leads out of the folder; correct it.")
        named = "split" in table
        if named: splits = [_split_word(path, row, split) for row, split in enumerate(table.split, start=2)]
        else: splits = [None] * len(samples)
        return Layout(samples, splits, f"the table {path.name}", path.name if named else "")
    return None


def _header(path: Path) -> list[str]:
    with open(path, encoding="utf-8-sig", errors="replace") as file: line = file.readline()
    return [word.strip() for word in line.split(",")]


def _split_word(path: Path, row: int, word: str) -> str:
    split = split_of_folder(word)
    if split is None: raise UserError(f"{path}: line {row} has the split {word!r}, not train, val or test; correct it.")
    return split


def pascal_voc(root: Path) -> Layout | None:
    "JPEGImages/, SegmentationClass/ and the lists in ImageSets/Segmentation/."
    lists = sorted((root / "ImageSets" / "Segmentation").glob("*.txt"))
    if not lists or not (root / "SegmentationClass").is_dir(): return None
    split_of: dict[str, str] = {}
    for path in lists:
        split = split_of_folder(path.stem)
        if split is None: continue  # trainval.txt
        for name in filter(None, map(str.strip, read_lines(root, path))):
            if split_of.setdefault(name, split) != split:
                raise UserError(f"{path}: names {name}, which is in {split_of[name]} too; correct it.")
    suffix = next((path.suffix for path in (root / "JPEGImages").iterdir() if path.suffix.lower() in SUFFIXES), ".jpg")
    samples = [(root / "JPEGImages" / f"{name}{suffix}", root / "SegmentationClass" / f"{name}.png")
               for name in sorted(split_of)]
    return Layout(samples, [split_of[name] for name in sorted(split_of)], "Pascal VOC", "ImageSets/Segmentation",
                  frozenset({VOID}))
