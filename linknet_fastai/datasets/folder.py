"Your own images and masks, in a folder."

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from .layouts import LAYOUT, find_samples, no_samples
from .left_out import left_out
from .listed_samples import Layout
from .masks.decide_values import decide_values
from .masks.mask_values import MaskValues
from .masks.meaning import from_json, refuse_other_names, refuse_others, to_json
from .masks.transparency import refuse_two_transparencies
from .names import as_posix
from .scan import scan_files
from .splits import draw_split, read_splits
from .value_range import find_value_range

DRAWN = "a draw (a fifth of the images)"


@dataclass(frozen=True)
class _Files:
    """What may be read of a dataset in the folder `root`: with `follow_links` what links lead to, too.

    `mask_root` is the folder of masks that were drawn of annotations. `progress` shows how far the reading is.
    """

    root: Path
    follow_links: bool
    progress: Progress
    mask_root: Path | None = None

    def allow(self, path: Path) -> Path:
        "`path`; `UserError` where it may not be read."
        return inside(self.root, path, self.follow_links, self.mask_root)

    def scan(self, paths: Iterable[Path], kind: str) -> dict[Path, FileScan]:
        "What each of these holds, `kind` being `image` or `mask`."
        return scan_files(self.root, [(path, kind) for path in paths], self.allow, self.progress)

    def name(self, image: Path) -> str:
        "As `splits.csv` has it."
        return image_name(self.root, self.mask_root, image)


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
    layout, meaning, files = _recognised(_Files(root, options.follow_links, progress), options)
    table = pd.DataFrame(layout.samples, columns=["image", "mask"])
    splits, source = _splits(files, layout, options)
    protocol = f"folder{len(meaning.classes)}"
    if options.protocol not in (None, protocol):
        raise UserError(f"{root}: has {len(meaning.classes)} classes, so its protocol is {protocol}, not "
                        f"{options.protocol}.")
    value_range, range_note = _value_range(files, list(table.image), options)
    notes = f"found {layout.description}", meaning.note, range_note, left_out(list(table.image), options.channels)
    note = "; ".join(filter(None, notes))
    kept = {name: value for name, value in asdict(options).items() if name in ("images", "masks", "mask_pattern",
                                                                               "follow_links") and value}
    kept |= {"meaning": to_json(meaning), "value_range": value_range}
    dataset = SegmentationDataset("folder", protocol, meaning.classes, meaning.palette, table.assign(split=splits),
                                  meaning.values, root=root, note=note, options=kept, split_source=source,
                                  mask_root=files.mask_root, value_range=value_range,
                                  follow_links=options.follow_links)
    if options.channels != dataset.channels: dataset = dataset.with_channels(options.channels)
    return dataset.ignoring(options.ignore) if options.ignore else dataset


def _recognised(files: _Files, options: DatasetOptions) -> tuple[Layout, MaskValues, _Files]:
    "The samples, what the values in their masks mean, and the files, among them masks that were drawn, if they were."
    root = files.root
    named = read_class_file(root, files.follow_links)
    known = None if options.meaning is None else from_json(options.meaning)
    if not options.names_files:
        annotated = find_annotated(root, named, known, files.follow_links, files.progress)
        if annotated: return annotated.layout, annotated.meaning, replace(files, mask_root=annotated.mask_root)
    layout = find_samples(root, options)
    if layout is None: raise no_samples(root, options)
    scans = files.scan([mask for _, mask in layout.samples], "mask")
    refuse_two_transparencies(scans)
    if known is not None:
        refuse_other_names(root, known, named)
        refuse_others(root, scans, named, known)
        return layout, known, files
    return layout, decide_values(root, scans, named, layout.void), files


def _value_range(files: _Files, images: list[Path], options: DatasetOptions) -> tuple[ValueRange | None, str]:
    "As the run has it, of which `meaning` is known; else as the images have it."
    if options.meaning is not None: return options.value_range and tuple(options.value_range), ""
    return find_value_range(images, lambda paths: files.scan(paths, "image"))


def _problems(files: _Files, samples: list[tuple[Path, Path]]) -> list[str | None]:
    "Why each sample can't be read, or that its mask is of another size; of the others a split is drawn."
    images = files.scan([image for image, _ in samples], "image")
    masks = files.scan([mask for _, mask in samples], "mask")
    def problem(image: Path, mask: Path) -> str | None:
        if error := images[image].error or masks[mask].error: return error
        sizes = masks[mask].size, images[image].size
        return None if sizes[0] == sizes[1] else other_size(mask, *sizes)
    return [problem(image, mask) for image, mask in samples]


def _splits(files: _Files, layout: Layout, options: DatasetOptions) -> tuple[list[str | None], str]:
    "The split of each sample, and where it is from: the run's own, `splits.csv`, what lies there, or a draw."
    names = [files.name(image) for image, _ in layout.samples]
    file = files.root / "splits.csv"
    has_file = os.path.lexists(file)  # a link to nothing is refused as it is read
    if options.splits is not None:
        kept = read_splits(None, Path(options.splits))
        found = _listed(kept, names)
        has_own = any(layout.splits) or has_file
        is_the_runs = set(map(as_posix, kept)) <= set(map(as_posix, names)) if has_own else any(found)
        if is_the_runs: return found, f"the run ({options.splits})"
    if has_file:
        found = _listed(read_splits(files.root, file, files.follow_links), names)
        if None in found:
            raise UserError(f"{file}: has no line for {names[found.index(None)]}; add one, or remove the file to have "
                            "a split drawn.")
        return found, file.name
    if any(layout.splits):
        if all(layout.splits): return layout.splits, layout.split_source
        stray = layout.samples[layout.splits.index(None)][0]
        raise UserError(f"{stray}: lies in none of train/, val/ and test/, as others do; move it.")
    return _drawn(files, layout, names), DRAWN


def _listed(splits: Mapping[str, str], names: Sequence[str]) -> list[str | None]:
    """The split of each image in a table of them; None where it has no line.

    A line is an image's whose name it has, or else whose name it has in another form: where data were copied from one
    file system to another, letters with accents may be others.
    """
    in_one_form = {as_posix(name): split for name, split in splits.items()}
    return [splits.get(name) or in_one_form.get(as_posix(name)) for name in names]


def _drawn(files: _Files, layout: Layout, names: Sequence[str]) -> list[str]:
    "A split drawn of the sound samples; the others are in `train`, where the check names them."
    problems = _problems(files, layout.samples)
    sound = [name for name, problem in zip(names, problems) if problem is None]
    if len(sound) < 2:
        first = next((f"first {problem.removesuffix('.')}" for problem in problems if problem), "add some")
        raise UserError(f"{files.root}: {len(sound)} of {len(names)} samples can be used, and a draw of those to "
                        f"validate on needs 2; {first}.")
    drawn = draw_split(sound)
    return [drawn.get(name, "train") for name in names]


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
