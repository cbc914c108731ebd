"A finished run, opened again on its own data."

from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from ..dataloaders.dataloaders import SegmentationDataLoaders, evaluation_dl
from ..dataloaders.segmentation_dl import SegmentationDL
from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..evaluation.scoring import protocol_of
from ..images.tiling import TileOptions
from ..models.autocast import autocast_model, plain_model
from ..models.stats import refuse_other_stats
from ..runs.run import Run
from ..runtime.device import Machine
from ..training.learner import SegmentationLearner, linknet_learner
from .run_data import data_of_protocol, note_left_out, open_data, refuse_trained_on


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
    config, recipe = run.config, run.recipe
    model, card = run.load_model()
    dataset = open_data(run, data)
    refuse_other_stats(run.path, card.mean, card.std, recipe)
    if card.classes != dataset.classes:
        raise UserError(f"{run.path}: was trained on other classes than {dataset.root} has now; pass the data as it "
                        "was with `--data`.")
    refuse_trained_on(run, dataset, split)
    if split != "all": note_left_out(run, dataset)
    if config.skip_bad: dataset = check(dataset).usable(skip_bad=True)
    dl = evaluation_dl(dataset, split, recipe, machine.device, tiles)
    protocol = protocol_of(dataset, split, dl, run.trained_on) | data_of_protocol(run, dataset, split, data)
    return OpenRun(run, autocast_model(model, machine), dataset, dl, protocol)


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
    recipe = replace(opened.run.recipe, weights="none", encoder_first=0.0)
    dls = SegmentationDataLoaders.from_dataset(opened.dataset, recipe, machine.device)
    learn = linknet_learner(dls, recipe, machine)
    plain_model(learn.model).load_state_dict(plain_model(opened.model).state_dict())
    return learn
