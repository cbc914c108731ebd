"Images and masks that a list names: tables of both, or Pascal VOC's lists of splits."

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..images.mask import VOID
from ..images.opening import reading
from ..images.paths import SUFFIXES, is_junk
from .files_inside import inside, read_lines
from .names import spellings
from .splits import split_of_folder

COLUMNS = ("image", "mask", "split")


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


@dataclass(frozen=True)
class Row:
    "A line of a table: its number, its (image, mask) files, and the word in its column `split`, if there is one."

    number: int
    sample: tuple[Path, Path]
    split: str | None


def table_of_samples(root: Path, follow_links: bool = False) -> Layout | None:
    """CSV files with columns `image`, `mask` and maybe `split`, of paths relative to them.

    Several are one dataset where each is called as a split and has no such column. `UserError` for others, and for an
    image that is named twice; with `follow_links` they may be links out of `root`.
    """
    tables = {path: _read_rows(path) for path in _csv_files(root)
              if _is_of_samples(inside(root, path, follow_links))}
    if not tables: return None
    if len(tables) > 1: splits = _splits_by_name(tables)
    else: splits = [_split_word(path, row) for path, rows in tables.items() for row in rows]
    _refuse_doubles(tables)
    names = ", ".join(path.name for path in tables)
    return Layout([row.sample for rows in tables.values() for row in rows], splits,
                  f"the table{'s' * (len(tables) > 1)} {names}", names if any(splits) else "")


def _csv_files(root: Path) -> list[Path]:
    "Links to nothing are among them, folders and pipes aren't."
    return [path for path in sorted(root.iterdir()) if path.suffix.lower() == ".csv" and not is_junk(path.name)
            and (path.is_file() or not path.exists())]


def _is_of_samples(path: Path) -> bool:
    """Whether its first line has the columns `image` and `mask`.

    `UserError` where these words, or `split` beside them, stand there otherwise: in capitals, between semicolons.
    """
    with reading(path, "a table", "save it as CSV"), open(path, encoding="utf-8-sig", errors="ignore") as file:
        line = next(filter(str.strip, file), "").replace("\0", "")  # of UTF-16, which is refused when it is read
        alike = {word.strip(" \"'\n") for word in re.split(r"[,;|\t]", line.lower())}
        if not {"image", "mask"} <= alike: return False
        if alike & set(COLUMNS) <= set(_words(next(csv.reader([line], skipinitialspace=True)))): return True
    raise UserError(f"{path}: begins with {line.strip()!r}, not image,mask or image,mask,split; write it so, in small "
                    "letters and with commas, or take the file out of the folder.")


def _words(row: Sequence[str]) -> list[str]: return [word.strip() for word in row]


def _read_rows(path: Path) -> list[Row]:
    with reading(path, "a table", "save it as CSV, in UTF-8"), open(path, encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, skipinitialspace=True, strict=True)
        header, *rows = [(lines.line_num, words) for line in lines if any(words := _words(line))]
    columns = header[1]
    for column in COLUMNS:
        if columns.count(column) > 1: raise UserError(f"{path}: has two columns {column}; take one out.")
    for number, words in rows:
        if len(words) != len(columns): raise UserError(f"{path}: line {number} has {len(words)} fields, and the first "
                                                       f"has {len(columns)}; correct it.")
    return [_row(path, number, dict(zip(columns, words))) for number, words in rows]


def _row(path: Path, number: int, words: dict[str, str]) -> Row:
    for part in ("image", "mask"):
        if not words[part]: raise UserError(f"{path}: line {number} names no {part}; add it, or take the line out.")
    sample = tuple(_listed(path.parent, words[part]) for part in ("image", "mask"))
    for each in sample:
        if not each.is_relative_to(path.parent) or ".." in each.relative_to(path.parent).parts:
            raise UserError(f"{path}: line {number} leads out of the folder; write paths that are relative to it.")
    return Row(number, sample, words.get("split"))


def _listed(folder: Path, name: str) -> Path:
    "The file in `folder` that a table calls `name`, whatever form letters with accents have, and slashes."
    return next((path for each in spellings(name) if (path := folder / each).exists()), folder / name)


def _split_word(path: Path, row: Row) -> str | None:
    split = row.split and split_of_folder(row.split)
    if row.split is not None and not split:
        raise UserError(f"{path}: line {row.number} has the split {row.split!r}, not train, val or test; correct it.")
    return split


def _splits_by_name(tables: dict[Path, list[Row]]) -> list[str]:
    "Of several tables: those that their names are; `UserError` where it isn't clear what they are to each other."
    first, second, *_ = tables
    splits = {path: split_of_folder(path.stem) for path in tables}
    if not all(splits.values()) or any(row.split is not None for rows in tables.values() for row in rows):
        raise UserError(f"{first}: lists images and masks, and so does {second}; make one table of all, with a column "
                        "split, or call them train.csv, val.csv and test.csv, without that column.")
    return [splits[path] for path, rows in tables.items() for _ in rows]


def _refuse_doubles(tables: dict[Path, list[Row]]):
    places: dict[Path, str] = {}
    for path, row in ((path, row) for path, rows in tables.items() for row in rows):
        image, place = row.sample[0], f"{path.name}, line {row.number}"
        if (first := places.setdefault(image, place)) != place:
            raise UserError(f"{path}: line {row.number} names {image.relative_to(path.parent)} a second time (the "
                            f"first: {first}); take one of the lines out.")


def pascal_voc(root: Path, follow_links: bool = False) -> Layout | None:
    """JPEGImages/, SegmentationClass/ and the lists in ImageSets/Segmentation/.

    `UserError` for lists without images, and for a name that is listed twice or that two images have. With
    `follow_links` lists may be links out of `root`.
    """
    lists, images = sorted((root / "ImageSets" / "Segmentation").glob("*.txt")), root / "JPEGImages"
    if not lists or not (root / "SegmentationClass").is_dir(): return None
    if not images.is_dir():
        raise UserError(f"{images}: there is no such folder, though {lists[0]} lists its images; put them there, or "
                        "remove the lists.")
    split_of: dict[str, str | None] = {}
    of_splits = [path for path in lists if split_of_folder(path.stem)]  # not trainval.txt, which repeats their names
    if not of_splits and len(lists) > 1:
        raise UserError(f"{lists[0].parent}: none of its lists is called train, val or test, and there are several, "
                        f"such as {lists[0].name} and {lists[1].name}; rename them, or leave one of all images.")
    for path in of_splits or lists:
        split = split_of_folder(path.stem)
        for name in filter(None, map(str.strip, read_lines(root, path, follow_links))):
            if name in split_of: raise UserError(f"{path}: names {name}, which is in {split_of[name] or 'it'} already; "
                                                 "take it out of one.")
            split_of[name] = split
    files = _images_by_stem(images)
    names, source = sorted(split_of), "ImageSets/Segmentation" if of_splits else ""
    samples = [(_image(images, name, files[name]), root / "SegmentationClass" / f"{name}.png") for name in names]
    return Layout(samples, [split_of[name] for name in names], "Pascal VOC", source, frozenset({VOID}))


def _images_by_stem(folder: Path) -> defaultdict[str, list[Path]]:
    found = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not is_junk(path.name): found[path.stem].append(path)
    return found


def _image(folder: Path, name: str, files: list[Path]) -> Path:
    "The one of this name, or where it should be."
    if len(files) > 1: raise UserError(f"{files[1]}: has the same name as {files[0]}; rename or remove one.")
    return files[0] if files else folder / f"{name}.jpg"
