"Your own images and masks, in a folder."

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError, check_choice
from ..files import atomic_write
from ..images import SUFFIXES, VOID, open_image
from ..progress import Progress, silent
from .dataset import SPLITS, Color, Palette, SegmentationDataset, inside, read_lines, unpacked
from .scan import scan_files

VALIDATION, SEED = 0.2, 0  # fraction and seed of the split that is drawn where there is none
MOST_CLASSES = 200  # more colors than this are no classes but smoothed or compressed images

LAYOUT = ("put images into images/ and their masks, under the same names, into masks/ (`--images` and `--masks` take "
          "other names), both below train/ and val/ or not")


def folder(root: str | Path | None = None, protocol: str | None = None, images: str = "images", masks: str = "masks",
           progress: Progress = silent) -> SegmentationDataset:
    """Any images and their masks: `images/NAME.jpg` and `masks/NAME.png`.

    They may lie below `train/`, `val/` and `test/`; else a fifth is drawn for validation, once, and noted in
    `splits.csv`. A mask holds indices (gray or palette) or RGB colors. `classes.txt` has a line `NAME` or `NAME R G B`
    for each class; without it the masks are read and their values counted. Void is index 255, but where there are 0 and
    255 only, and black where `classes.txt` gives it to no class.

    Args:
        root: the folder.
        protocol: `folderN`, where N is the number of classes, if it is given.
        images: the name of the folders of images.
        masks: the name of the folders of masks.
        progress: shows how far the reading of the masks is.

    Raises `UserError` for a folder that can't be read as a dataset.
    """
    if root is None: raise UserError(f"`folder` is your own: pass it with `--data DIR`, and {LAYOUT}.")
    root = Path(root).resolve()
    if not root.is_dir(): raise UserError(f"{root}: there is no such folder; {LAYOUT}.")
    samples = _samples(root, images, masks)
    table = pd.DataFrame([(*sample, split) for sample, split in zip(samples, _splits(root, samples))],
                         columns=["image", "mask", "split"])
    in_color = _in_color(root, samples)
    find_classes = _named_classes if (root / "classes.txt").exists() else _counted_classes
    classes, palette, values, note = find_classes(root, [mask for _, mask in samples], in_color, progress)
    dataset = SegmentationDataset("folder", f"folder{len(classes)}", classes, palette, table, values, root=root,
                                  note=note, options={"images": images, "masks": masks})
    if protocol not in (None, dataset.protocol):
        raise UserError(f"{root}: has {len(classes)} classes, so its protocol is {dataset.protocol}, not {protocol}.")
    return dataset


def _samples(root: Path, images: str, masks: str) -> list[tuple[Path, Path]]:
    "Images and masks of equal stems; where one has no partner, the partner's path is that where it should be."
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    found_images, found_masks = _by_stem(root, files, images, masks), _by_stem(root, files, masks, images)
    if not found_images: raise UserError(f"{root}: holds no images in {images}/; {LAYOUT}.")
    if not found_masks: raise UserError(f"{root}: holds no masks in {masks}/; {LAYOUT}.")
    return [(found_images.get(stem, root / _under(stem, images)), found_masks.get(stem, root / _under(stem, masks)))
            for stem in sorted(found_images | found_masks)]


PART = "\0"  # stands in a stem for the folder that tells images from masks: no file can have that name


def _by_stem(root: Path, files: list[Path], part: str, other: str) -> dict[Path, Path]:
    "The files below a folder named `part`, by their paths without suffix, in which `PART` stands for that name."
    found: dict[Path, Path] = {}
    for path in files:
        parts = path.relative_to(root).parts
        if part not in parts[:-1] or other in parts[:parts.index(part)]: continue
        at = parts.index(part)
        stem = Path(*parts[:at], PART, *parts[at + 1:-1], path.stem)
        if stem in found: raise UserError(f"{path}: has the same name as {found[stem]}; rename or remove one.")
        found[stem] = path
    return found


def _under(stem: Path, part: str) -> Path:
    return Path(*(part if name == PART else name for name in stem.parts[:-1]), f"{stem.name}.png")


def _splits(root: Path, samples: list[tuple[Path, Path]]) -> list[str]:
    "Of each sample: by its folder, else by `splits.csv`, which is drawn if it isn't there."
    by_folder = [next((part for part in image.relative_to(root).parts if part in SPLITS), None) for image, _ in samples]
    if all(by_folder): return by_folder
    if any(by_folder):
        stray, _ = samples[by_folder.index(None)]
        raise UserError(f"{stray}: lies in none of train/, val/ and test/, as others do; move it.")
    names = [image.relative_to(root).as_posix() for image, _ in samples]
    file = root / "splits.csv"
    if not file.exists(): _draw_splits(names, file)
    drawn = _read_splits(root, file)
    for name in names:
        if name not in drawn:
            raise UserError(f"{file}: has no line for {name}; add one, or remove the file to have all drawn anew.")
    return [drawn[name] for name in names]


def _draw_splits(names: list[str], file: Path):
    if len(names) < 2: raise UserError(f"{file.parent}: holds one image; add a second, to validate on.")
    count = max(1, round(VALIDATION * len(names)))
    validation = set(np.random.default_rng(SEED).choice(len(names), count, replace=False))
    splits = ["val" if number in validation else "train" for number in range(len(names))]
    with atomic_write(file) as aside: pd.DataFrame({"image": names, "split": splits}).to_csv(aside, index=False)


def _read_splits(root: Path, file: Path) -> dict[str, str]:
    try: table = pd.read_csv(inside(root, file), dtype=str, keep_default_na=False)
    except ValueError as error:
        raise UserError(f"{file}: is no table ({error}); remove it to have it drawn anew.") from error
    if not {"image", "split"} <= set(table.columns):
        raise UserError(f"{file}: needs the columns image and split; correct it, or remove it to have it drawn anew.")
    for row, split in enumerate(table.split, start=2): check_choice(f"{file}: in line {row} the split", split, SPLITS)
    return dict(zip(table.image, table.split))


def _in_color(root: Path, samples: list[tuple[Path, Path]]) -> bool:
    "Whether masks hold colors: the first that can be read tells for all."
    for _, mask in samples:
        try: return open_image(inside(root, mask)).mode in ("RGB", "RGBA")
        except UserError: continue  # the check names it
    raise UserError(f"{root}: none of its masks can be read; `linknet-fastai datasets check folder --data {root}` "
                    "lists them.")


Classes = tuple[tuple[str, ...], Palette, Mapping, str]


def _named_classes(root: Path, masks: list[Path], in_color: bool, progress: Progress) -> Classes:
    "By `classes.txt`."
    file = root / "classes.txt"
    lines = [_parsed(line) for line in read_lines(root, file) if line.strip()]
    names, colors = tuple(name for name, _ in lines), [color for _, color in lines]
    if not names:
        raise UserError(f"{file}: names no class; write one a line, or remove it to have the masks' values counted.")
    if len(set(names)) < len(names): raise UserError(f"{file}: names a class twice; correct it.")
    if in_color:
        if None in colors:
            unnamed = names[colors.index(None)]
            raise UserError(f"{file}: {unnamed} has no color, but the masks are in RGB; write `{unnamed} R G B`.")
        if len(set(colors)) < len(colors): raise UserError(f"{file}: two classes have the same color; correct it.")
        return names, tuple(colors), {(0, 0, 0): VOID} | {color: index for index, color in enumerate(colors)}, ""
    if len(names) > VOID: raise UserError(f"{file}: names {len(names)} classes; masks of indices have room for {VOID}.")
    palette = tuple(color or default for color, default in zip(colors, distinct_colors(len(names))))
    if len(names) == 2 and _values_of(root, masks, in_color, progress).keys() <= {0, 255}: values = {0: 0, 255: 1}
    else: values = {index: index for index in range(len(names))} | {VOID: VOID}
    return names, palette, values, ""


def _parsed(line: str) -> tuple[str, Color | None]:
    "A line of `classes.txt`: a name, which may have spaces, and its color if it ends in three numbers."
    words = line.split()
    numbers = [int(word) for word in words[-3:] if word.isdecimal() and int(word) < 256]
    return (" ".join(words[:-3]), tuple(numbers)) if len(words) > 3 and len(numbers) == 3 else (" ".join(words), None)


def _counted_classes(root: Path, masks: list[Path], in_color: bool, progress: Progress) -> Classes:
    "By the values that the masks hold; their names are numbers."
    found = sorted(_values_of(root, masks, in_color, progress))
    what = "colors" if in_color else "values"
    void = not in_color and found != [0, VOID] and VOID in found
    if void: found.remove(VOID)
    if not found: raise UserError(f"{root}: its masks hold no class, only 255, which is void; correct them.")
    if len(found) > MOST_CLASSES:
        raise UserError(f"{root}: its masks hold {len(found)} different {what}, so many that they look smoothed or "
                        "compressed; save masks as PNG without either, or list the classes in classes.txt.")
    note = f"no classes.txt, so the {what} in the masks are the classes: {len(found)}"
    if void: note += ", and 255 is void"
    if in_color:
        colors = tuple(unpacked(value) for value in found)
        return tuple(map(str, range(len(found)))), colors, {color: index for index, color in enumerate(colors)}, note
    values = {value: index for index, value in enumerate(found)} | ({VOID: VOID} if void else {})
    return tuple(map(str, found)), distinct_colors(len(found)), values, note


def _values_of(root: Path, masks: list[Path], in_color: bool, progress: Progress) -> Counter:
    "Pixels of each value in all masks that can be read."
    scans = scan_files(root, [(mask, "colors" if in_color else "indices") for mask in masks], progress)
    counts: Counter = Counter()
    for mask in scans.values(): counts.update(dict(mask.values))
    return counts


def distinct_colors(count: int) -> Palette:
    """Colors for `count` classes that have none: those of Pascal VOC, of which the first is black.

    The bits of a class's number are dealt out to red, green and blue in turn, the highest bit of each first.
    """
    def channel(number: int, which: int) -> int:
        return sum((number >> 3 * bit + which & 1) << 7 - bit for bit in range(3))
    return tuple(tuple(channel(number, which) for which in range(3)) for number in range(count))
