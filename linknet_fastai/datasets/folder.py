"Your own images and masks, in a folder."

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ..dataset_options import DatasetOptions
from ..errors import UserError
from ..progress import Progress, silent
from .class_file import read_class_file
from .dataset import SegmentationDataset
from .layouts import LAYOUT, Layout, LayoutOptions, find_samples
from .mask_values import decide_values
from .meaning import from_json, refuse_other_names, to_json
from .scan import FileScan, scan_files
from .splits import draw_split, read_splits

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
    layout = find_samples(root, LayoutOptions(options.images, options.masks, options.mask_pattern,
                                              options.follow_links))
    table = pd.DataFrame(layout.samples, columns=["image", "mask"])
    scans = _scan(root, table["mask"], "mask", options, progress)
    named = read_class_file(root)
    if options.meaning is None: meaning = decide_values(root, scans, named, layout.void)
    else:
        meaning = from_json(options.meaning)
        refuse_other_names(root, meaning, named)
    splits, source = _splits(root, layout, options, lambda: _sound(root, table, scans, options, progress))
    protocol = f"folder{len(meaning.classes)}"
    if options.protocol not in (None, protocol):
        raise UserError(f"{root}: has {len(meaning.classes)} classes, so its protocol is {protocol}, not "
                        f"{options.protocol}.")
    note = "; ".join(filter(None, (f"found {layout.description}", meaning.note)))
    kept = {name: value for name, value in asdict(options).items() if name in ("images", "masks", "mask_pattern",
                                                                               "follow_links") and value}
    return SegmentationDataset("folder", protocol, meaning.classes, meaning.palette, table.assign(split=splits),
                               meaning.values, root=root,
                               note=note, options=kept | {"meaning": to_json(meaning)}, split_source=source,
                               follow_links=options.follow_links)


def _scan(root: Path, paths: pd.Series, kind: str, options: DatasetOptions, progress: Progress) -> dict[Path, FileScan]:
    def anywhere(path: Path) -> Path:
        if not path.is_file(): raise UserError(f"{path}: there is no such file; add it, or take its partner out.")
        return path
    return scan_files(root, [(path, kind) for path in paths], progress, anywhere if options.follow_links else None)


def _sound(root: Path, table: pd.DataFrame, masks: Mapping[Path, FileScan], options: DatasetOptions,
           progress: Progress) -> pd.Series:
    "Which samples can be read and have masks of their images' sizes: a split is drawn among these."
    images = _scan(root, table.image, "image", options, progress)
    return pd.Series([not (images[image].error or masks[mask].error) and images[image].size == masks[mask].size
                      for image, mask in zip(table.image, table["mask"])], index=table.index)


def _splits(root: Path, layout: Layout, options: DatasetOptions, find_sound) -> tuple[list[str | None], str]:
    "The split of each sample, and where it is from: the run's own, what lies there, `splits.csv`, or a draw."
    names = [image.relative_to(root).as_posix() if image.is_relative_to(root) else str(image) for image,
             _ in layout.samples]
    if options.splits is not None:
        kept = read_splits(None, Path(options.splits))
        if kept.keys() & set(names): return [kept.get(name) for name in names], f"the run ({options.splits})"
    if any(layout.splits):
        if all(layout.splits): return layout.splits, layout.split_source
        stray = layout.samples[layout.splits.index(None)][0]
        raise UserError(f"{stray}: lies in none of train/, val/ and test/, as others do; move it.")
    file = root / "splits.csv"
    if file.exists():
        listed = read_splits(root, file)
        for name in names:
            if name not in listed: raise UserError(f"{file}: has no line for {name}; add one, or remove the file to "
                                                   "have a split drawn.")
        return [listed[name] for name in names], file.name
    sound = find_sound()
    drawn = draw_split([name for name, is_sound in zip(names, sound) if is_sound])
    return [drawn.get(name, "train") for name in names], DRAWN


def split_table(dataset: SegmentationDataset) -> pd.DataFrame:
    """The split of each image, as `splits.csv` has it.

    Columns `image` (its path below the dataset's folder) and `split`.
    """
    names = [image.relative_to(dataset.root).as_posix() for image in dataset.table.image]
    return pd.DataFrame({"image": names, "split": dataset.table.split})
