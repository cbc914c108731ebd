"Which files of a folder are images, which are their masks, and in which split: by what lies there."

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..errors import UserError
from ..images import SUFFIXES, is_junk
from .listed_samples import Layout, pascal_voc, table_of_samples
from .splits import split_of_folder

MASK_SUFFIXES = (*SUFFIXES, ".gif", ".npy")
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "photos", "frames")
MASK_FOLDERS = ("masks", "mask", "labels", "label", "annotations", "annotation", "SegmentationClass", "gt",
                "ground_truth")
MASK_PATTERNS = ("{stem}_mask", "{stem}-mask", "mask_{stem}", "{stem}_L", "{stem}_P", "{stem}_labelIds", "{stem}_label",
                 "{stem}_labels", "{stem}_seg", "{stem}_gt", "{stem}.mask")
PART = "\0"  # stands in a key for the folder that tells images from masks: no file can be named so

LAYOUT = ("put images into images/ and their masks, under the same names, into masks/ (`--images` and `--masks` take "
          "other names, `--mask-pattern` other file names), both below train/ and val/ or not")


@dataclass(frozen=True)
class LayoutOptions:
    """What a user says of it: the folders' names (or paths) of images and masks, and how a mask's name is made of its
    image's (`{stem}_seg.png`). `follow_links` takes in what links lead to outside the folder."""

    images: str | None = None
    masks: str | None = None
    mask_pattern: str | None = None
    follow_links: bool = False


def find_samples(root: Path, options: LayoutOptions) -> Layout:
    "`UserError` where `root` holds no images with masks, or it isn't clear which belong together."
    if not options.images and not options.masks and not options.mask_pattern:
        for recognise in (table_of_samples, pascal_voc):
            layout = recognise(root)
            if layout is not None: return layout
    files = list(walk(root, options.follow_links))
    images = _in_folders(root, files, [options.images] if options.images else IMAGE_FOLDERS, SUFFIXES)
    masks = _in_folders(root, files, [options.masks] if options.masks else MASK_FOLDERS, MASK_SUFFIXES)
    if options.images and not images: raise UserError(f"{root}: holds no images in {options.images}/; {LAYOUT}.")
    if options.masks and not masks: raise UserError(f"{root}: holds no masks in {options.masks}/; {LAYOUT}.")
    if images and masks: return _by_folder(root, images, masks, options)
    return _by_name(root, files, images, masks, options)


def walk(root: Path, follow_links: bool = False) -> Iterator[Path]:
    """The files below `root` that are no junk of operating systems and editors, in order.

    Linked folders are followed where they lead to a place below `root`. `UserError` for one that leads elsewhere, but
    with `follow_links`.
    """
    seen, real_root = {root.resolve()}, root.resolve()
    for folder, names, files in os.walk(root, followlinks=True):
        names[:] = sorted(name for name in names if not is_junk(name))
        for name in list(names):
            path = Path(folder, name)
            if not path.is_symlink(): continue
            target = path.resolve()
            if not target.is_relative_to(real_root) and not follow_links:
                raise UserError(f"{path}: is a link to a folder outside {root}; put the files there, or allow it with "
                                "`--follow-links`.")
            if target in seen: names.remove(name)
            seen.add(target)
        for name in sorted(files):
            if not is_junk(name): yield Path(folder, name)


Key = tuple[str, ...]  # of a file: its folders, with PART for that of images or masks, and its name without suffix


def _in_folders(root: Path, files: Iterable[Path], names: Iterable[str], suffixes: tuple[str, ...]) -> dict[Key, Path]:
    "The files in or below a folder of one of these names, such as images/, or train_images/, by key."
    found: dict[Key, Path] = {}
    for path in files:
        if path.suffix.lower() not in suffixes: continue
        parts = path.relative_to(root).parts
        for name in names:
            key = _key(parts, PurePath(name).parts, path.stem)
            if key is None: continue
            if key in found: raise UserError(f"{path}: has the same name as {found[key]}; rename or remove one.")
            found[key] = path
            break
    return found


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
        return tuple(map(_normal, (*folders[:at], *middle, *folders[at + len(name):], stem)))
    return None


def _split_in(folder: str, name: str) -> str | None:
    "The split in a name such as train_images or images-val."
    match = re.fullmatch(rf"(?:(.+)[_-])?{re.escape(name)}(?:[_-](.+))?", folder, re.IGNORECASE)
    return split_of_folder(match[1] or match[2]) if match and bool(match[1]) != bool(match[2]) else None


def _normal(text: str) -> str:
    "One form for letters with accents, which some file systems take apart."
    return unicodedata.normalize("NFC", text)


def _by_folder(root: Path, images: dict[Key, Path], masks: dict[Key, Path], options: LayoutOptions) -> Layout:
    "Images and masks in folders of their own, by equal names, or by a pattern."
    pattern = _pattern(images, masks, options.mask_pattern)
    keys = {key: pattern_key(key, pattern) for key in images}
    missing = [key for key in masks if key not in set(keys.values())]
    of_mask = {value: key for key, value in keys.items()}
    samples = [(images[key], masks.get(keys[key], _partner(root, keys[key], _folder_name(masks)))) for key in images]
    samples += [(_partner(root, key, _folder_name(images)), masks[key]) for key in missing if key not in of_mask]
    samples.sort()
    splits = [_split_of(root, image) for image, _ in samples]
    names = "" if pattern == "{stem}" else f", masks named {pattern}"
    return Layout(samples, splits, f"images in {_folder_name(images)}/ and masks in {_folder_name(masks)}/{names}",
                  "the folders" if any(splits) else "")


def _by_name(root: Path, files: list[Path], images: dict[Key, Path], masks: dict[Key, Path],
             options: LayoutOptions) -> Layout:
    "Masks that lie beside their images, or anywhere, under a name made of the image's."
    everything = {tuple(map(_normal, (*path.relative_to(root).parts[:-1], path.stem))): path
                  for path in files if path.suffix.lower() in MASK_SUFFIXES}
    pattern = _pattern(everything, everything, options.mask_pattern)
    pairs = {key: pattern_key(key, pattern) for key in everything if pattern != "{stem}"}
    pairs = {image: mask for image, mask in pairs.items() if mask in everything}
    if not pairs:
        if not images: raise UserError(f"{root}: holds no images in images/; {LAYOUT}.")
        raise UserError(f"{root}: holds no masks in masks/; {LAYOUT}.")
    others = set(everything) - set(pairs) - set(pairs.values())
    samples = [(everything[image], everything[mask]) for image, mask in pairs.items()]
    samples += [(everything[key], everything[key].with_name(f"{pattern_key(key, pattern)[-1]}.png")) for key in others
                if everything[key].suffix.lower() in SUFFIXES]
    samples.sort()
    splits = [_split_of(root, image) for image, _ in samples]
    return Layout(samples, splits, f"masks named {pattern}", "the folders" if any(splits) else "")


def _pattern(images: dict[Key, Path], masks: dict[Key, Path], given: str | None) -> str:
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
    return (*key[:-1], _normal(pattern.replace("{stem}", key[-1])))


def _folder_name(found: dict[Key, Path]) -> str:
    "As the first file has it."
    key, path = next(iter(found.items()))
    return path.parts[-len(key) + key.index(PART)] if PART in key else ""


def _partner(root: Path, key: Key, part: str) -> Path:
    return root.joinpath(*(part if name == PART else name for name in key[:-1]), f"{key[-1]}.png")


def _split_of(root: Path, image: Path) -> str | None:
    "By the folders that an image lies in."
    for part in image.relative_to(root).parts[:-1]:
        split = split_of_folder(part)
        for name in IMAGE_FOLDERS: split = split or _split_in(part, name)
        if split: return split
    return None
