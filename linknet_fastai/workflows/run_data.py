"A run's own data: where they are, and whether they are still what they were in training."

import warnings
from dataclasses import replace
from pathlib import Path

from ..datasets import open_dataset
from ..datasets.dataset import SegmentationDataset
from ..datasets.fingerprint import describe_changes, fingerprint, holds_samples, respelled, trained_on
from ..errors import Note, UserError, counted
from ..runs.run import Run
from ..runtime.all_reduce import all_reduce_max
from ..runtime.distributed import is_main_process


def open_data(run: Run, data: Path | None = None) -> SegmentationDataset:
    "A run's dataset, in the folder `data` or where its config.json says; errors as for `data_folder`."
    return open_dataset(run.config.dataset, data_folder(run, data), run.dataset_options)


def data_folder(run: Run, data: Path | None = None) -> Path | None:
    """Where a run's data are read: in the folder `data`, or in the one that its config.json names.

    None where that is none of the user's, so that the dataset is drawn or downloaded. A run may be a stranger's: the
    folder that it names is read only if it holds the run's samples, and nothing is drawn into it; `UserError`
    otherwise.
    """
    if data is not None: return data
    named = run.config.data
    if named is None: return None
    if not holds_samples(Path(named), run.samples):
        raise UserError(f"{run.path}: names {named} as its data, which doesn't hold them here; pass their folder with "
                        "`--data`.")
    return Path(named)


def is_other_data(run: Run, dataset: SegmentationDataset, changed: bool) -> bool:
    """Whether `dataset` isn't what the run was begun with; the main process finds out for all.

    `UserError` that names what differs, unless that is meant (`changed`), and where the number of classes does.
    """
    return bool(all_reduce_max(int(is_main_process() and _is_other(run, dataset, changed))))


def _is_other(run: Run, dataset: SegmentationDataset, changed: bool) -> bool:
    config = run.config
    note_left_out(run, dataset)
    if len(dataset.classes) != len(config.classes):
        raise UserError(f"{run.path}: was begun with {len(config.classes)} classes, and {dataset.root} has "
                        f"{len(dataset.classes)} now; train anew, with `--weights {run.path}` to begin where it is.")
    changes = describe_changes(run.samples, fingerprint(dataset))
    if dataset.classes != config.classes:
        names = f"the classes were {', '.join(config.classes)} and are {', '.join(dataset.classes)}"
        changes = f"{names}; {changes}".removesuffix("; ")
    if changes and not changed:
        raise UserError(f"{run.path}: {dataset.root} is not what the run was begun with: {changes}; pass the data as "
                        "it was with `--data`, or `--data-changed` to go on with what is there.")
    return bool(changes)


def note_left_out(run: Run, dataset: SegmentationDataset):
    "Tell of images that came after the run's split was drawn."
    if new := list(dataset.table["image"][dataset.table.split.isna()]):
        warnings.warn(Note(f"{counted(len(new), 'image')}, such as {new[0]}, in no split of the run "
                           f"({run.splits_file}), left out; add lines to it for them"), stacklevel=3)


def refuse_trained_on(run: Run, dataset: SegmentationDataset, split: str):
    "`UserError` where the split isn't there, and where images of it were trained on, that is, were in train before."
    rows = dataset.split(split)
    if split in ("train", "all") or run.config.splits != "train" or not run.samples_file.is_file(): return
    if known := trained_on(run.samples, dataset, rows["image"]):
        raise UserError(f"{run.path}: was trained on {len(known)} of the {len(rows)} {split} images, such as "
                        f"{known[0]}, which were in train then; pass the data as it was with `--data`, or train anew.")


def data_of_protocol(run: Run, dataset: SegmentationDataset, split: str, data: Path | None) -> dict[str, str]:
    "For the protocol: the name of a folder that doesn't hold the run's own images, or not as they were in training."
    if not run.samples_file.is_file(): return {} if data is None else {"data": data.resolve().name}
    if data is not None and not holds_samples(data, run.samples): return {"data": data.resolve().name}
    if not _split_changes(run, dataset, split): return {}
    name = dataset.name if dataset.root is None or dataset.is_fetched else dataset.root.name
    return {"data": f"{name}, changed since training"}


def _split_changes(run: Run, dataset: SegmentationDataset, split: str) -> str:
    "In what the samples of a split differ from the run's own; empty where they don't. Of other files nothing is read."
    now = fingerprint(replace(dataset, table=dataset.split(split)))
    before = respelled(run.samples, now["image"])
    if run.config.splits != "train":  # all that was trained on is in one split there
        now, is_meant = now.assign(split="train"), before["image"].isin(now["image"])
    else: is_meant = before["image"].isin(now["image"]) | (before.split == split) | (split == "all")
    return describe_changes(before[is_meant], now)
