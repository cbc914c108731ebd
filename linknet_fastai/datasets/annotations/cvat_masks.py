"CVAT's `Segmentation mask 1.1`: SegmentationClass/ in the colors of `labelmap.txt` (docs.cvat.ai, segmentation mask)."

from functools import partial
from pathlib import Path

from ...errors import UserError
from ..class_file import Color
from ..masks.mask_values import distinct_colors
from ..splits import split_of_folder
from .draft import Draft, size_of
from .export_files import ExportFiles
from .named_masks import mask_of_colors
from .shapes import Annotations, is_background

LISTS = ("ImageSets", "Segmentation")


def recognize(files: ExportFiles) -> Annotations | None:
    "A `labelmap.txt` beside SegmentationClass/; images lie anywhere, under the masks' names."
    maps = [path for path in files.ending("labelmap.txt") if (path.parent / "SegmentationClass").is_dir()]
    if not maps: return None
    draft = Draft("CVAT segmentation masks", files)
    tables = {path: _colors(path, draft) for path in maps}
    first = tables[maps[0]]
    for path, table in tables.items():
        if table != first: raise UserError(f"{path}: has other labels or colors than {maps[0]}; export them together.")
    for path in maps: _add(draft, path, first)
    return draft.annotations(with_background=False)


def _colors(path: Path, draft: Draft) -> dict[Color, str | None]:
    """The label of each color: lines of `label:r,g,b:parts:actions`, where a color left out is Pascal VOC's by number.

    The background comes first, as everywhere.
    """
    found: dict[Color, str] = {}
    lines = [line for line in draft.files.lines(path) if line.strip() and not line.startswith("#")]
    for number, (line, usual) in enumerate(zip(lines, distinct_colors(len(lines))), start=1):
        name, text = [*line.split(":"), ""][:2]
        try: color = tuple(map(int, text.split(","))) if text else usual
        except ValueError: color = ()
        if len(color) != 3 or not all(0 <= value < 256 for value in color):
            raise UserError(f"{path}: label {number} is not `label:r,g,b:parts:actions`; export it again.")
        if color in found:
            raise UserError(f"{path}: {found[color]} and {name} have the same color; give them different ones.")
        found[color] = name
    ordered = sorted(found.items(), key=lambda item: not is_background(item[1]))
    return {color: draft.label(name, str(path), color) for color, name in ordered}


def _add(draft: Draft, path: Path, labels: dict[Color, str | None]):
    folder = path.parent
    masks = [mask for mask in draft.files.ending(".png") if mask.is_relative_to(folder / "SegmentationClass")]
    draft.others |= {mask for mask in draft.files.ending(".png") if mask.is_relative_to(folder / "SegmentationObject")}
    draft.others |= set(masks)
    splits = _splits(draft.files, folder)
    by_stem: dict[str, list[Path]] = {}
    for image in draft.files.images:
        if image not in draft.others: by_stem.setdefault(image.stem, []).append(image)
    for mask in masks:
        name = mask.relative_to(folder / "SegmentationClass").with_suffix("").as_posix()
        found = by_stem.get(mask.stem, [])
        near = [image for image in found if image.with_suffix("").as_posix().endswith(f"/{name}")]
        if "/" not in name: near = near or found  # else it would be one of another folder
        if len(near) > 1: raise UserError(f"{mask}: its image may be {near[0]} or {near[1]}; remove one.")
        if not near:
            draft.missing.append((f"{name}.*", mask))
            continue
        size = size_of(near[0], mask, None)
        draft.add(near[0], mask, None, split=splits.get(name), mask=partial(mask_of_colors, mask, size, labels, draft))


def _splits(files: ExportFiles, folder: Path) -> dict[str, str]:
    "The split of each name, by the lists that are called as one."
    found = {}
    for path in sorted(folder.joinpath(*LISTS).glob("*.txt")):
        split = split_of_folder(path.stem)
        for name in files.lines(path) if split else ():
            if name.strip() and found.setdefault(name.strip(), split) != split:
                raise UserError(f"{path}: names {name.strip()}, which is in {found[name.strip()]} too; correct it.")
    return found
