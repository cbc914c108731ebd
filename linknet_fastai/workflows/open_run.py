"A finished run, opened again on its own data."

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from ..dataloaders.dataloaders import SegmentationDataLoaders, evaluation_dl
from ..dataloaders.segmentation_dl import SegmentationDL
from ..datasets import open_dataset
from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..datasets.fingerprint import describe_changes, fingerprint, holds_samples, trained_on
from ..errors import Note, UserError
from ..evaluation.scoring import protocol_of
from ..images.tiling import TileOptions
from ..models.autocast import autocast_model, plain_model
from ..models.stats import refuse_other_stats
from ..recipes import Recipe
from ..runs.run import Run
from ..runtime.device import Machine
from ..training.learner import SegmentationLearner, linknet_learner


@dataclass(frozen=True)
class OpenRun:
    "A run's best model, its dataset, and the batches of one of its splits with their protocol."

    run: Run
    model: nn.Module
    dataset: SegmentationDataset
    dl: SegmentationDL
    protocol: dict


def open_run(path: str | Path, split: str, machine: Machine, data: Path | None = None,
             tiles: TileOptions = TileOptions()) -> OpenRun:
    """The run at `path` with one split of its dataset.

    Args:
        path: the run's folder.
        split: `train`, `val`, `test`, or `all`.
        machine: what the model runs on.
        data: the dataset's folder; where it was in training if not given.
        tiles: those to predict images by at their own resolution; else it is done as in training.

    Raises `UserError` where they don't belong together, or can't be read.
    """
    run = Run.open(path)
    config, recipe = run.config, run.recipe_as(Recipe)
    model, card = run.load_model()
    dataset = open_data(run, data)
    refuse_other_stats(run.path, card.mean, card.std, recipe)
    if card.classes != dataset.classes:
        raise UserError(f"{run.path}: was trained on other classes than {dataset.root} has now; pass the data as it "
                        "was with `--data`.")
    _refuse_trained_on(run, dataset, split)
    if split != "all": note_left_out(run, dataset)
    if config.skip_bad: dataset = check(dataset).usable(skip_bad=True)
    dl = evaluation_dl(dataset, split, recipe, machine.device, tiles)
    protocol = protocol_of(dataset, split, dl, run.trained_on) | _other_data(run, dataset, split, data)
    return OpenRun(run, autocast_model(model, machine), dataset, dl, protocol)


def _refuse_trained_on(run: Run, dataset: SegmentationDataset, split: str):
    "`UserError` where the split isn't there, and where images of it were trained on, that is, were in train before."
    rows = dataset.split(split)
    if split in ("train", "all") or run.config.splits != "train" or not run.samples_file.is_file(): return
    if known := trained_on(run.samples, dataset, rows["image"]):
        raise UserError(f"{run.path}: was trained on {len(known)} of the {len(rows)} {split} images, such as "
                        f"{known[0]}, which were in train then; pass the data as it was with `--data`, or train anew.")


def note_left_out(run: Run, dataset: SegmentationDataset):
    "Tell of images that came after the run's split was drawn."
    if new := list(dataset.table["image"][dataset.table.split.isna()]):
        warnings.warn(Note(f"{len(new)} images, such as {new[0]}, are in no split of the run ({run.splits_file}), and "
                           "are left out; add lines to it for them"), stacklevel=3)


def _other_data(run: Run, dataset: SegmentationDataset, split: str, data: Path | None) -> dict[str, str]:
    "For the protocol: the name of a folder that doesn't hold the run's own images, or not as they were in training."
    if not run.samples_file.is_file(): return {} if data is None else {"data": data.resolve().name}
    if data is not None and not holds_samples(data, run.samples): return {"data": data.resolve().name}
    if not _split_changes(run, dataset, split): return {}
    name = dataset.name if dataset.root is None or dataset.is_fetched else dataset.root.name
    return {"data": f"{name}, changed since training"}


def _split_changes(run: Run, dataset: SegmentationDataset, split: str) -> str:
    "In what the samples of a split differ from the run's own; empty where they don't. Of other files nothing is read."
    now, before = fingerprint(replace(dataset, table=dataset.split(split))), run.samples
    if run.config.splits != "train":  # all that was trained on is in one split there
        now, is_meant = now.assign(split="train"), before["image"].isin(now["image"])
    else: is_meant = before["image"].isin(now["image"]) | (before.split == split) | (split == "all")
    return describe_changes(before[is_meant], now)


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


def open_data(run: Run, data: Path | None = None) -> SegmentationDataset:
    "A run's dataset, in the folder `data` or where its config.json says; errors as for `data_folder`."
    return open_dataset(run.config.dataset, data_folder(run, data), run.dataset_options)


def learner_from_run(path: str | Path, data: Path | None = None, machine: Machine | None = None) -> SegmentationLearner:
    """A run's best model as a `Learner` on the run's own data, to interpret it or to train on.

    `path` is the run's folder, `data` the dataset's; where it was in training if not given. `UserError` as for
    `open_run`, and for a run without validation images.
    """
    machine = machine or Machine.choose()
    if Run.open(path).config.splits != "train":
        raise UserError(f"{path}: was trained on its validation images too, so none are left to validate on; predict "
                        "with it, or `evaluate --split test`.")
    opened = open_run(path, "val", machine, data)
    recipe = replace(opened.run.recipe_as(Recipe), weights="none", encoder_first=0.0)
    dls = SegmentationDataLoaders.from_dataset(opened.dataset, recipe, machine.device)
    learn = linknet_learner(dls, recipe, machine)
    plain_model(learn.model).load_state_dict(plain_model(opened.model).state_dict())
    return learn
