"Your own images and masks, in a folder."

import os
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ..dataset_options import DatasetOptions
from ..errors import UserError
from ..images.rgb import ValueRange
from ..progress import Progress, silent
from .annotated import find_annotated
from .class_file import read_class_file
from .dataset import SegmentationDataset, other_size
from .file_scan import FileScan
from .files_inside import inside
from .layouts import LAYOUT, LayoutOptions, find_samples, no_samples
from .left_out import left_out
from .listed_samples import Layout
from .masks.decide_values import decide_values
from .masks.mask_values import MaskValues
from .masks.meaning import from_json, refuse_other_names, refuse_others, to_json
from .masks.transparency import refuse_two_transparencies
from .scan import scan_files
from .splits import draw_split, read_splits
from .value_range import find_value_range

DRAWN = "a draw (a fifth of the images)"


def folder(root: str | Path | None = None, options: DatasetOptions = DatasetOptions(),
           progress: Progress = silent) -> SegmentationDataset:
    """Any images and their masks: `images/NAME.jpg` and `masks/NAME.png`, or as an annotation tool left them.

    What lies there is recognised (docs/your_own_images.md). Images may lie below `train/`, `val/` and `test/`, or be
    listed in `splits.csv`; else a fifth is drawn for validation. A mask holds numbers, palette indices or RGB colors;
    `classes.txt` names them.

    Args:
        root: the folder.
        options: what else is said of it.
        progress: shows how far the reading of the masks is.

    Raises `UserError` for a folder that can't be read as a dataset, or whose masks can't be understood for sure.
    """
    if root is None: raise UserError(f"`folder` is your own: pass it with `--data DIR`, and {LAYOUT}.")
    root = Path(root).resolve()
    if not root.is_dir(): raise UserError(f"{root}: there is no such folder; {LAYOUT}.")
    layout, meaning, mask_root = _recognised(root, options, progress)
    table = pd.DataFrame(layout.samples, columns=["image", "mask"])
    splits, source = _splits(root, layout, options, mask_root,
                             lambda: _problems(root, table, mask_root, options, progress))
    protocol = f"folder{len(meaning.classes)}"
    if options.protocol not in (None, protocol):
        raise UserError(f"{root}: has {len(meaning.classes)} classes, so its protocol is {protocol}, not "
                        f"{options.protocol}.")
    value_range, range_note = _value_range(table, root, mask_root, options, progress)
    notes = f"found {layout.description}", meaning.note, range_note, left_out(list(table.image), options.channels)
    note = "; ".join(filter(None, notes))
    kept = {name: value for name, value in asdict(options).items() if name in ("images", "masks", "mask_pattern",
                                                                               "follow_links") and value}
    kept |= {"meaning": to_json(meaning), "value_range": value_range}
    dataset = SegmentationDataset("folder", protocol, meaning.classes, meaning.palette, table.assign(split=splits),
                                  meaning.values, root=root, note=note, options=kept, split_source=source,
                                  mask_root=mask_root, value_range=value_range, follow_links=options.follow_links)
    return dataset if options.channels == dataset.channels else dataset.with_channels(options.channels)


def _recognised(root: Path, options: DatasetOptions,
                progress: Progress) -> tuple[Layout, MaskValues, Path | None]:
    "The samples, what the values in their masks mean, and the folder of masks that were drawn, if they were."
    named, known = read_class_file(root), None if options.meaning is None else from_json(options.meaning)
    given = LayoutOptions(options.images, options.masks, options.mask_pattern, options.follow_links)
    if not (given.images or given.masks or given.mask_pattern):
        annotated = find_annotated(root, named, known, options.follow_links, progress)
        if annotated: return annotated.layout, annotated.meaning, annotated.mask_root
    layout = find_samples(root, given)
    if layout is None: raise no_samples(root, given)
    scans = _scan(root, [mask for _, mask in layout.samples], "mask", None, options, progress)
    refuse_two_transparencies(scans)
    if known is not None:
        refuse_other_names(root, known, named)
        refuse_others(root, scans, named, known)
        return layout, known, None
    return layout, decide_values(root, scans, named, layout.void), None


def _value_range(table: pd.DataFrame, root: Path, mask_root: Path | None, options: DatasetOptions,
                 progress: Progress) -> tuple[ValueRange | None, str]:
    "As the run has it, of which `meaning` is known; else as the images have it."
    if options.meaning is not None: return options.value_range and tuple(options.value_range), ""
    return find_value_range(list(table.image), lambda paths: _scan(root, paths, "image", mask_root, options, progress))


def _scan(root: Path, paths: Iterable[Path], kind: str, mask_root: Path | None, options: DatasetOptions,
          progress: Progress) -> dict[Path, FileScan]:
    def allow(path: Path) -> Path:
        is_ours = mask_root is not None and path.is_relative_to(mask_root)
        return inside(None if is_ours or options.follow_links else root, path)
    return scan_files(root, [(path, kind) for path in paths], progress, allow)


def _problems(root: Path, table: pd.DataFrame, mask_root: Path | None, options: DatasetOptions,
              progress: Progress) -> list[str | None]:
    "Why each sample can't be read, or that its mask is of another size; of the others a split is drawn."
    images = _scan(root, table.image, "image", mask_root, options, progress)
    masks = _scan(root, table["mask"], "mask", mask_root, options, progress)
    def problem(image: Path, mask: Path) -> str | None:
        if error := images[image].error or masks[mask].error: return error
        sizes = masks[mask].size, images[image].size
        return None if sizes[0] == sizes[1] else other_size(mask, *sizes)
    return [problem(image, mask) for image, mask in zip(table.image, table["mask"])]


def _splits(root: Path, layout: Layout, options: DatasetOptions, mask_root: Path | None,
            find_problems: Callable[[], list[str | None]]) -> tuple[list[str | None], str]:
    "The split of each sample, and where it is from: the run's own, `splits.csv`, what lies there, or a draw."
    names = [image_name(root, mask_root, image) for image, _ in layout.samples]
    if options.splits is not None:
        kept = read_splits(None, Path(options.splits))
        has_own = any(layout.splits) or os.path.lexists(root / "splits.csv")
        is_the_runs = kept.keys() <= set(names) if has_own else kept.keys() & set(names)
        if is_the_runs: return [kept.get(name) for name in names], f"the run ({options.splits})"
    file = root / "splits.csv"
    if os.path.lexists(file):  # a link to nothing is refused as it is read
        listed = {_plain(name): split for name, split in read_splits(root, file).items()}
        for name in names:
            if _plain(name) not in listed:
                raise UserError(f"{file}: has no line for {name}; add one, or remove the file to have a split drawn.")
        return [listed[_plain(name)] for name in names], file.name
    if any(layout.splits):
        if all(layout.splits): return layout.splits, layout.split_source
        stray = layout.samples[layout.splits.index(None)][0]
        raise UserError(f"{stray}: lies in none of train/, val/ and test/, as others do; move it.")
    problems = find_problems()
    sound = [name for name, problem in zip(names, problems) if problem is None]
    if len(sound) < 2:
        first = next((f"first {problem.removesuffix('.')}" for problem in problems if problem), "add some")
        raise UserError(f"{root}: {len(sound)} of {len(names)} samples can be used, and a draw of those to validate on "
                        f"needs 2; {first}.")
    drawn = draw_split(sound)
    return [drawn.get(name, "train") for name in names], DRAWN


def _plain(name: str) -> str:
    "A path with slashes, and letters with accents in one form."
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def split_table(dataset: SegmentationDataset) -> pd.DataFrame:
    """The split of each image, as `splits.csv` has it.

    Columns `image` (its path below the dataset's folder) and `split`.
    """
    names = [image_name(dataset.root, dataset.mask_root, image) for image in dataset.table.image]
    return pd.DataFrame({"image": names, "split": dataset.table.split})


def image_name(root: Path | None, mask_root: Path | None, image: Path) -> str:
    "The path of an image below the dataset's folder, or below that of images which only an annotation file holds."
    for folder in filter(None, (root, mask_root and mask_root / "images")):
        if image.is_relative_to(folder): return image.relative_to(folder).as_posix()
    return str(image)
