"Whether a dataset is sound, before a single batch is trained."

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError, hxw
from ..images.mask import VOID
from ..progress import Progress, silent
from .dataset import SegmentationDataset, other_size
from .file_scan import FileScan
from .scan import scan_files

HELD_OUT = ("test", "val", "train")  # an image in two splits is left to the first, so that no score is flattered


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    `splits` has a row a split: `images` and `masks` (numbers), `sizes`, `void` (its frequency). `pixels` has a row a
    class and a column a split: numbers of pixels. `problems` has a row an unsound sample: `split`, `image`, `problem`
    (a message). `notes` are messages about what is no problem.
    """

    dataset: SegmentationDataset
    splits: pd.DataFrame
    pixels: pd.DataFrame
    problems: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def frequencies(self) -> pd.DataFrame:
        "Each class's frequency among the pixels of each split that are not void: a row a class, a column a split."
        return self.pixels / self.pixels.sum()

    def usable(self, skip_bad: bool) -> SegmentationDataset:
        "The dataset without its unsound samples; `UserError` where there are some, unless `skip_bad`."
        if self.problems.empty: return self.dataset
        if not skip_bad:
            first = self.problems.problem.iloc[0].removesuffix(".")
            raise UserError(f"{first} (unsound samples: {len(self.problems)} of {len(self.dataset.table)}; "
                            "`linknet-fastai datasets check` lists them, `--skip-bad` trains without).")
        return replace(self.dataset, table=self.dataset.table.drop(self.problems.index))


def check(dataset: SegmentationDataset, progress: Progress = silent) -> CheckResult:
    """Read every sample of `dataset` and tell what is wrong with it.

    Files that were read before and haven't changed come from a cache. `progress` shows how far the reading is.
    """
    files = [(path, "image") for path in dataset.table.image]
    files += [(path, "mask") for path in dataset.table["mask"].dropna()]
    scans = scan_files(dataset.root, files, dataset.inside, progress)
    table = dataset.table.assign(
        image_scan=[scans[image] for image in dataset.table.image],
        mask_scan=[None if pd.isna(mask) else scans[mask] for mask in dataset.table["mask"]])
    problems = {row.Index: problem for row in table.itertuples() if (problem := _problem(dataset, row))}
    twice = list(_in_two_splits(table.drop(list(problems))))
    problems |= {row.Index: f"{row.image}: stands in {row.split}, and in {split} as {path}; take one out."
                 for row, split, path in twice if not row.image_scan.uniform}
    blank = sum(row.image_scan.uniform for row, _, _ in twice)
    bad = table.loc[list(problems), ["split", "image"]].assign(problem=list(problems.values())).sort_index()
    sound = table.drop(list(problems))
    pixels = _pixels(dataset, sound)
    turned = sum(row.mask_scan is not None and row.image_scan.orientation != 1 == row.mask_scan.orientation
                 for row in sound.itertuples())
    return CheckResult(dataset, _splits(sound, pixels), pixels[:-1], bad, _notes(dataset, pixels, blank, turned))


def _problem(dataset: SegmentationDataset, row) -> str | None:
    image, mask = row.image_scan, row.mask_scan
    if image.error: return image.error
    if problem := dataset.image_format.problem(image.channels, image.is_banded): return f"{row.image}: {problem}"
    if mask is None: return None
    if mask.error: return mask.error
    if mask.orientation not in (1, image.orientation):
        return (f"{row.mask}: has an EXIF orientation ({mask.orientation}) that its image has not "
                f"({image.orientation}), so one of them "
                "is turned; save the mask upright, without.")
    if mask.size != image.size:
        turned = mask.size == image.size[::-1]
        return other_size(row.mask, mask.size, image.size, "turn one of them" if turned else "make them the same size")
    values = np.array([value for value, _ in values_of(dataset, mask)])
    unknown = values[dataset.classes_of(values) < 0] if values.max(initial=0) < dataset.num_values else values
    return dataset.no_class(row.mask, unknown) if len(unknown) else None


def values_of(dataset: SegmentationDataset, mask: FileScan) -> list[tuple[int, int]]:
    "The values of a mask as the dataset takes them, each with its number of pixels."
    return mask.colors if dataset.in_color else mask.numbers


def _in_two_splits(table: pd.DataFrame) -> Iterator[tuple]:
    "The row of each image that has the same content as one of another split, that split, and the other image's path."
    first: dict[str, tuple[str, Path]] = {}
    for split in HELD_OUT:
        for row in table[table.split == split].itertuples():
            other, path = first.setdefault(row.image_scan.content, (split, row.image))
            if other != split: yield row, other, path


def _pixels(dataset: SegmentationDataset, table: pd.DataFrame) -> pd.DataFrame:
    "Pixels of each class, and of void in the last row, by split."
    columns = {}
    for split in dataset.splits:
        counts = np.zeros(len(dataset.classes) + 1, dtype=np.int64)
        for mask in table.mask_scan[table.split == split].dropna():
            values, pixels = np.array(values_of(dataset, mask)).T
            classes = dataset.classes_of(values)
            np.add.at(counts, np.where(classes == VOID, len(dataset.classes), classes), pixels)
        columns[split] = counts
    return pd.DataFrame(columns, index=pd.Index([*dataset.classes, "void"], name="class"))


def _splits(table: pd.DataFrame, pixels: pd.DataFrame) -> pd.DataFrame:
    def row(split: str) -> tuple[int, int, str, float]:
        rows = table[table.split == split]
        total = pixels[split].sum()
        void = pixels[split]["void"] / total if total else np.nan
        return len(rows), rows.mask_scan.notna().sum(), _sizes(rows.image_scan), void
    return pd.DataFrame([row(split) for split in pixels], columns=["images", "masks", "sizes", "void"],
                        index=pd.Index(pixels.columns, name="split"))


def _sizes(images: Iterable[FileScan]) -> str:
    counts = pd.Series([hxw(image.size) for image in images]).value_counts()
    if len(counts) <= 1: return "".join(counts.index)
    few = ", ".join(f"{size} ({count})" for size, count in counts[:3].items())
    return few + (f" and {len(counts) - 3} more" if len(counts) > 3 else "")


def _notes(dataset: SegmentationDataset, pixels: pd.DataFrame, blank: int, turned: int) -> tuple[str, ...]:
    notes = [dataset.note] if dataset.note else []
    if dataset.split_source: notes.append(f"the split is from {dataset.split_source}")
    if "val" not in pixels: notes.append("no val images, by which a training keeps its best epoch: `fit` needs some")
    if turned: notes.append("images are turned by their EXIF tag, and their masks, which have none, are read as drawn "
                            f"on them upright: {turned}")
    if blank: notes.append(f"images of a single color stand in two splits: {blank}")
    if "train" in pixels:
        note = never_learned([name for name in dataset.classes if pixels["train"][name] == 0])
        if note: notes.append(note)
    return tuple(notes)


def never_learned(absent: list[str]) -> str:
    "A note about classes that no training mask has; empty where there are none."
    return f"never in the training masks, so never learned: {', '.join(absent)}" if absent else ""
