"Roboflow's semantic masks: NAME_mask.png beside NAME.jpg, and `_classes.csv` (Roboflow's `png-mask-semantic`)."

import csv
from collections import defaultdict
from functools import partial
from pathlib import Path

from ...errors import UserError
from .draft import Draft, size_of
from .export_files import ExportFiles
from .named_masks import mask_of_values
from .shapes import Annotations, is_background

ENDING = "_mask.png"


def recognize(files: ExportFiles) -> Annotations | None:
    "Folders, mostly train/, valid/ and test/, with a `_classes.csv` each; their numbers may differ, names decide."
    lines_of = {path: files.lines(path) for path in files.ending("_classes.csv")}
    tables = {path.parent: _names(path, lines) for path, lines in lines_of.items()
              if lines and "pixel" in lines[0].lower()}
    if not tables: return None
    draft = Draft("Roboflow semantic masks", files)
    names = [name for table in tables.values() for _, name in sorted(table.items())]
    for name in sorted(names, key=lambda name: not is_background(name)): draft.label(name, str(files.root))
    masks = files.ending(ENDING)
    draft.others |= set(masks)
    images: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for image in files.images: images[image.parent, image.stem].append(image)
    for mask in masks:
        if mask.parent not in tables: continue
        stem = mask.name[:-len(ENDING)]
        found = images.get((mask.parent, stem), [])
        if not found:
            draft.missing.append((f"{stem}.jpg", mask))
            continue
        if len(found) > 1: raise UserError(f"{mask}: its image may be {found[0]} or {found[1]}; remove one.")
        labels = {value: draft.label(name, str(mask)) for value, name in tables[mask.parent].items()}
        size = size_of(found[0], mask, None)
        draft.add(found[0], mask, None, mask=partial(mask_of_values, mask, size, labels, draft))
    return draft.annotations(with_background=False)


def _names(path: Path, lines: list[str]) -> dict[int, str]:
    "The class of each value, by the file's lines of `Pixel Value, Class` after the first."
    rows = list(csv.reader(lines, skipinitialspace=True))
    found: dict[int, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if not row: continue
        if len(row) != 2 or not row[0].strip().isdecimal():
            raise UserError(f"{path}: line {number} is not a pixel value and a class; export it again.")
        if found.setdefault(int(row[0]), row[1].strip()) != row[1].strip():
            raise UserError(f"{path}: names the value {row[0]} twice; correct it.")
    return found
