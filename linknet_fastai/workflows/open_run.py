"A finished run, opened again on its own data."

from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from ..dataloaders.dataloaders import SegmentationDataLoaders, SegmentationDL, evaluation_dl
from ..datasets import open_dataset
from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..evaluation.scoring import protocol_of
from ..models.autocast import autocast_model, plain_model
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


def open_run(path: str | Path, split: str, machine: Machine, data: Path | None = None) -> OpenRun:
    """The run at `path` with one split of its dataset, from the folder `data` or where it was.

    `UserError` where they don't belong together, or can't be read.
    """
    run = Run.open(path)
    config, recipe = run.config, run.recipe_as(Recipe)
    model, card = run.load_model()
    dataset = open_dataset(config.dataset, data or config.data, run.dataset_options)
    if card.classes != dataset.classes:
        raise UserError(f"{run.path}: was trained on other classes than {dataset.root} has now; pass the data as it was "
                        "with `--data`.")
    dataset.split(split)  # said before all is read
    if config.skip_bad: dataset = check(dataset).usable(skip_bad=True)
    dl = evaluation_dl(dataset, split, recipe.size, recipe.batch_size, machine.device)
    return OpenRun(run, autocast_model(model, machine), dataset, dl, protocol_of(dataset, split, dl, config.splits))


def learner_from_run(path: str | Path, data: Path | None = None, machine: Machine | None = None) -> SegmentationLearner:
    "A run's best model as a `Learner` on its own data, to look at, interpret or train on; not for a run without validation."
    machine = machine or Machine.choose()
    opened = open_run(path, "val", machine, data)
    recipe = replace(opened.run.recipe_as(Recipe), weights="none")
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(opened.dataset, recipe, machine.device), recipe, machine)
    plain_model(learn.model).load_state_dict(plain_model(opened.model).state_dict())
    return learn
