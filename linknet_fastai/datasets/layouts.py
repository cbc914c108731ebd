"Which files of a folder are images, which are their masks, and in which split: by what lies there."

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from ..dataset_options import DatasetOptions
from ..errors import UserError
from ..images.paths import SUFFIXES
from .files_inside import walk
from .listed_samples import Layout, pascal_voc, table_of_samples
from .names import composed
from .splits import split_of_folder

MASK_SUFFIXES = (*SUFFIXES, ".gif", ".npy")
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "photos", "frames")
MASK_FOLDERS = ("masks", "mask", "labels", "label", "annotations", "annotation", "SegmentationClass", "gt",
                "ground_truth")
MASK_PATTERNS = ("{stem}_mask", "{stem}-mask", "mask_{stem}", "{stem}_L", "{stem}_P", "{stem}_labelIds", "{stem}_label",
                 "{stem}_labels", "{stem}_seg", "{stem}_gt", "{stem}.mask")
PART = "\0"  # stands in a key for the folder that tells images from masks: no file can be named so

LAYOUT = ("put images into images/ and their masks, under the same names, into masks/ (`--images` and `--masks` take "
          "other names, `--mask-pattern` other file names), both below train/ and val/ or not; or list them in a CSV "
          "file with the columns image and mask")


def find_samples(root: Path, options: DatasetOptions) -> Layout | None:
    "None where `root` holds no images with masks; `UserError` where it isn't clear which belong together."
    if not options.names_files:
        layout = table_of_samples(root, options.follow_links) or pascal_voc(root, options.follow_links)
        if layout is not None: return layout
    files = list(walk(root, options.follow_links))
    images = _in_folders(root, files, _folders(options.images, IMAGE_FOLDERS), SUFFIXES)
    masks = _in_folders(root, files, _folders(options.masks, MASK_FOLDERS), MASK_SUFFIXES)
    if options.images and not images: raise UserError(f"{root}: holds no images in {options.images}/; {LAYOUT}.")
    if options.masks and not masks: raise UserError(f"{root}: holds no masks in {options.masks}/; {LAYOUT}.")
    if images and masks: return _by_folder(root, images, masks, options)
    return _by_name(root, files, options)


def no_samples(root: Path, options: DatasetOptions) -> UserError:
    "That there are none: no images, or images without masks."
    files = list(walk(root, options.follow_links))
    images = _in_folders(root, files, _folders(options.images, IMAGE_FOLDERS), SUFFIXES)
    text = next((path for path in files if path.suffix == ".txt" and path.name != "classes.txt"
                 and "labels" in path.relative_to(root).parts[:-1]), None)
    if text is not None:
        return UserError(f"{text}: is YOLO's, and no data.yaml names its classes (`names: [...]`); put that into "
                         f"{root}.")
    export = next((path for path in files if path.suffix.lower() in (".json", ".xml")), None)
    more = f" ({export} is no export that can be read: docs/your_own_images.md has those)" if export else ""
    return UserError(f"{root}: holds no {'masks in masks/' if images else 'images in images/'}{more}; {LAYOUT}.")


def _folders(given: str | None, usual: Sequence[str]) -> Sequence[str]:
    "The names, or paths, that a folder may have: the given one alone, if there is one."
    return (given,) if given else usual


Key = tuple[str, ...]  # of a file: its folders, with PART for that of images or masks, and its name without suffix
Files = Mapping[Key, list[Path]]  # several of one key are a.jpg and a.png, or train_images/a.jpg and train/images/a.jpg


def _in_folders(root: Path, files: Iterable[Path], names: Iterable[str], suffixes: tuple[str, ...]) -> Files:
    "The files in or below a folder of one of these names, such as images/, or train_images/, by key."
    found = defaultdict(list)
    for path in files:
        if path.suffix.lower() not in suffixes: continue
        parts = path.relative_to(root).parts
        for name in names:
            key = _key(parts, PurePath(name).parts, path.stem)
            if key is None: continue
            found[key].append(path)
            break
    return dict(found)


def _key(parts: tuple[str, ...], name: tuple[str, ...], stem: str) -> Key | None:
    """With `name`, one folder or several, replaced.

    None where it isn't among the folders. `train_images` is `train`, `PART`.
    """
    folders = parts[:-1]
    for at in range(len(folders) - len(name) + 1):
        there = folders[at:at + len(name)]
        split = _split_in(there[-1], name[-1])
        if there == name: middle = (PART,)
        elif len(name) == 1 and split: middle = (split, PART)
        else: continue
        return tuple(map(composed, (*folders[:at], *middle, *folders[at + len(name):], stem)))
    return None


def _split_in(folder: str, name: str) -> str | None:
    "The split in a name such as train_images or images-val."
    match = re.fullmatch(rf"(?:(.+)[_-])?{re.escape(name)}(?:[_-](.+))?", folder, re.IGNORECASE)
    return split_of_folder(match[1] or match[2]) if match and bool(match[1]) != bool(match[2]) else None


def _by_folder(root: Path, images: Files, masks: Files, options: DatasetOptions) -> Layout:
    "Images and masks in folders of their own, by equal names, or by a pattern."
    pattern = _pattern(images, masks, options.mask_pattern)
    keys = {key: pattern_key(key, pattern) for key in images}
    if min(len(images), len(masks)) > 1 and not masks.keys() & set(keys.values()):
        (image, *_), (mask, *_) = next(iter(images.values())), next(iter(masks.values()))
        raise UserError(f"{root}: no image has a mask of its name, such as {image} and {mask}; name the folders below "
                        "which they have the same paths with `--images` and `--masks`, or how masks are named with "
                        "`--mask-pattern`.")
    samples = [(_only(images[key]), _only(masks[keys[key]])) for key in images if keys[key] in masks]
    samples += [(image, _partner(root, keys[key], _folder_name(masks)))
                for key in images if keys[key] not in masks for image in images[key]]
    samples += [(_partner(root, key, _folder_name(images)), mask)
                for key in set(masks) - set(keys.values()) for mask in masks[key]]
    samples.sort()
    splits = [_split_of(root, image, options.images) for image, _ in samples]
    names = "" if pattern == "{stem}" else f", masks named {pattern}"
    return Layout(samples, splits, f"images in {_folder_name(images)}/ and masks in {_folder_name(masks)}/{names}",
                  "the folders" if any(splits) else "")


def _by_name(root: Path, files: list[Path], options: DatasetOptions) -> Layout | None:
    "Masks that lie beside their images under a name made of the image's; None where there is no such mask."
    masks, images = _by_stem(root, files, MASK_SUFFIXES), _by_stem(root, files, SUFFIXES)
    pattern = _pattern(masks, masks, options.mask_pattern)
    keys = {key: pattern_key(key, pattern) for key in images}
    pairs = {key: mask for key, mask in keys.items() if mask in masks and mask != key}
    if not pairs: return None
    samples = [(_only(images[key]), _only(masks[mask])) for key, mask in pairs.items()]
    samples += [(image, image.with_name(f"{keys[key][-1]}.png"))
                for key in set(images) - set(pairs) - set(pairs.values()) for image in images[key]]
    samples.sort()
    splits = [_split_of(root, image) for image, _ in samples]
    return Layout(samples, splits, f"masks named {pattern}", "the folders" if any(splits) else "")


def _by_stem(root: Path, files: Iterable[Path], suffixes: tuple[str, ...]) -> Files:
    found = defaultdict(list)
    for path in files:
        if path.suffix.lower() not in suffixes: continue
        found[tuple(map(composed, (*path.relative_to(root).parts[:-1], path.stem)))].append(path)
    return dict(found)


def _only(files: list[Path]) -> Path:
    "The file of a pair; `UserError` where there are two."
    if len(files) > 1: raise UserError(f"{files[1]}: has the same name as {files[0]}; rename or remove one.")
    return files[0]


def _pattern(images: Files, masks: Files, given: str | None) -> str:
    "How masks are named after images: as given, or the pattern that finds most; equal names win."
    if given:
        if given.count("{stem}") != 1:
            raise UserError(f"the mask pattern {given!r} needs {{stem}} once, such as {{stem}}_seg.png.")
        return str(PurePath(given).with_suffix(""))
    if images is not masks and any(key in masks for key in images): return "{stem}"
    found = {pattern: sum(pattern_key(key, pattern) in masks for key in images) for pattern in MASK_PATTERNS}
    best = max(found, key=found.get)
    return best if found[best] else "{stem}"


def pattern_key(key: Key, pattern: str) -> Key:
    "The key of a mask by that of its image."
    return (*key[:-1], composed(pattern.replace("{stem}", key[-1])))


def _folder_name(found: Files) -> str:
    "As the first file has it."
    key, (path, *_) = next(iter(found.items()))
    return path.parts[-len(key) + key.index(PART)] if PART in key else ""


def _partner(root: Path, key: Key, part: str) -> Path:
    return root.joinpath(*(part if name == PART else name for name in key[:-1]), f"{key[-1]}.png")


def _split_of(root: Path, image: Path, folder: str | None = None) -> str | None:
    "By the folders that an image lies in; `folder` is the name or path of that of images, if it is given."
    for part in image.relative_to(root).parts[:-1]:
        split = split_of_folder(part)
        for name in _folders(folder, IMAGE_FOLDERS): split = split or _split_in(part, PurePath(name).name)
        if split: return split
    return None
