"The comparison that this project started from: five models, one protocol, every score by its name."

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.callback.core import Callback

from ..dataloaders.dataloaders import with_size
from ..datasets.dataset import SegmentationDataset
from ..datasets.fingerprint import describe_changes, fingerprint
from ..errors import UserError, check_choice, hxw
from ..evaluation.image_dice import ImageDice
from ..evaluation.predictions import image_confusions, predictions
from ..evaluation.result import Result, read_result
from ..files import writable_folder
from ..models.cost import cost_of
from ..models.factory import untrained_model
from ..recipes import RECIPES, Recipe
from ..reports.comparison import write_table
from ..runs.run import Run
from ..runtime.device import Machine
from ..training.initial_model import check_weights
from .evaluate import evaluate
from .fit import FitOptions, fit
from .open_run import open_run
from .resume import ResumeOptions, resume
from .speed import measure

SPLITS, MOST_SEEDS = ("val", "test"), 1000


@dataclass(frozen=True)
class Row:
    "A row of the table: what is trained, and what was published for it, with its kind and source."

    title: str
    recipe: Recipe
    published: str


# SegNet and ENet are trained by `rapid`, so that rows differ by the model; their papers' own trainings are others
ROWS = {
    "segnet": Row("SegNet", replace(RECIPES["rapid"], model="segnet"),
                  "class accuracy 65.2, IoU 55.6, test frames (arXiv 1606.02147)"),
    "enet": Row("ENet", replace(RECIPES["rapid"], model="enet"),
                "class accuracy 68.3, IoU 51.3, test frames (arXiv 1606.02147)"),
    "paper": Row("LinkNet, as published", RECIPES["paper"],
                 "68.3, called IoU; by its own test code very likely class accuracy, IoU 55.8, test frames (arXiv "
                 "1707.03718); the student report's own 67.63, called IoU, is a mean Dice of each image with void, "
                 "validation frames (on test frames 56.3)"),
    "modified": Row("LinkNet, the report's changes", RECIPES["modified"],
                    "65.17, called IoU, is a mean Dice of each image with void, validation frames (the student report; "
                    "on test frames 50.9)"),
    "rapid": Row("LinkNet, rapid", RECIPES["rapid"], "none"),
}


@dataclass(frozen=True)
class Table1Options:
    """What is trained for the table.

    `changes` are settings for every row, such as `epochs` and `size`; `only` are the names of some of `ROWS`; `seeds`
    is how many trainings a row has; `vgg_weights` are SegNet's; `split` is what is scored, `val` or `test`: of each
    training the epoch that is best on the validation frames. `UserError` for an unknown row or split, no seed, and
    changes of `minutes` or `seed`.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    seeds: int = 1
    vgg_weights: str = "imagenet"
    split: str = "val"

    def __post_init__(self):
        check_choice("split", self.split, SPLITS)
        for name in self.only: check_choice("row", name, ROWS)
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UserError(f"{self.seeds} seeds can't be trained; ask for 1 to {MOST_SEEDS} with `--seeds`.")
        if "minutes" in self.changes:
            raise UserError("a row's epochs must be known to tell whether it is trained already; pass `epochs` in "
                            "`changes` in the place of `minutes`.")
        if "seed" in self.changes:
            raise UserError("a row's trainings have the seeds from 0 on; pass how many with `--seeds`, and no `seed` "
                            "in `changes`.")

    @property
    def rows(self) -> dict[str, Row]:
        "The rows of the table by name."
        return {name: row for name, row in ROWS.items() if not self.only or name in self.only}

    @property
    def recipes(self) -> dict[str, Recipe]:
        "The recipe of each run, by the run's name."
        return {f"{name}-{seed}": replace(row.recipe, **self.changes | self._start(row.recipe.model), seed=seed)
                for seed in range(self.seeds) for name, row in self.rows.items()}

    def _start(self, model: str) -> dict[str, str]:
        "`weights` are LinkNet's: SegNet has its own, ENet none."
        return {"linknet": {}, "segnet": {"weights": self.vgg_weights}, "enet": {"weights": "none"}}[model]


def table1(dataset: SegmentationDataset, out: Path, machine: Machine, options: Table1Options,
           watch: Callable[[str, float], Callback | None] = lambda run, left: None) -> pd.DataFrame:
    """Train what is not trained yet, score all rows on the same frames, and write the table and its plot.

    A run that was not finished goes on. `UserError` where runs that are there are of other data or settings, and where
    weights can't be had: before anything is trained.

    Args:
        dataset: CamVid.
        out: the folder of the table; the runs lie below it.
        machine: what to train on.
        options: which rows, and how.
        watch: called with a run's name, and how much of all arithmetic is still to do (0 to 1), before it is trained;
            what it returns takes the place of fastai's progress bar.

    Returns the table, a row a model: scores from 0 to 1, costs, and what they were taken on.
    """
    dataset.split(options.split)  # its error, if any, before hours of training
    writable_folder(out)
    recipes = options.recipes
    work = pd.Series({run: _work(recipe, len(dataset.classes)) for run, recipe in recipes.items()})
    trained = {run for run, recipe in recipes.items() if is_trained(out / "runs" / run, recipe, dataset)}
    for run, recipe in recipes.items():
        if run not in trained: check_weights(recipe, _weights_flag(recipe))
    for number, (run, recipe) in enumerate(recipes.items()):
        left = work[number:].sum() / work.sum()
        if run not in trained: _train(dataset, recipe, machine, out / "runs" / run, watch(run, left))
    table = pd.concat([_row(name, row, out, options, dataset, machine)
                       for name, row in options.rows.items()], ignore_index=True)
    epochs = pd.concat([Run.open(out / "runs" / f"{name}-{seed}").history.assign(row=name, seed=seed)
                        for name in options.rows for seed in range(options.seeds)], ignore_index=True)
    write_table(table, epochs, out)
    return table


def is_trained(path: Path, asked: Recipe, dataset: SegmentationDataset) -> bool:
    "Whether the run at `path` is done; `UserError` where it has other settings than those asked for, or other data."
    if not (path / "config.json").exists(): return False
    run = Run.open(path)
    trained, asked = run.recipe, with_size(asked, dataset)  # `fit` fills in the size, and an lr of `auto`
    if asked.lr == "auto": asked = replace(asked, lr=trained.lr)
    if trained != asked:
        raise UserError(f"{path}: was trained with other settings than are asked for now; choose another folder with "
                        "`--out`.")
    if changes := describe_changes(run.samples, fingerprint(dataset)):
        raise UserError(f"{path}: was trained on other data than {dataset.root} holds: {changes}; choose another "
                        "folder with `--out`.")
    return run.is_scored


def _weights_flag(recipe: Recipe) -> str: return "--vgg-weights" if recipe.model == "segnet" else "--weights"


def _train(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, path: Path, progress_bar: Callback | None):
    "The run at `path`, from where it stands."
    if (path / "config.json").exists():
        resume(path, machine, ResumeOptions(data=dataset.root, progress_bar=progress_bar))
    else: fit(dataset, recipe, machine, FitOptions(out=path, progress_bar=progress_bar))


def _work(recipe: Recipe, num_classes: int) -> float:
    with torch.device("meta"): return recipe.epochs * cost_of(untrained_model(recipe, num_classes)).macs


def _row(name: str, row: Row, out: Path, options: Table1Options, dataset: SegmentationDataset,
         machine: Machine) -> pd.DataFrame:
    "One line: means over seeds, the spread of mIoU, what the model costs."
    runs = [Run.open(out / "runs" / f"{name}-{seed}") for seed in range(options.seeds)]
    recipe = runs[0].recipe
    results = [_result(run, options.split, dataset, machine) for run in runs]
    scores = pd.DataFrame([result.scores.summary() | {"image_dice": _image_dice(run, options.split, dataset, machine)}
                           for run, result in zip(runs, results)])
    num_classes = len(results[0].scores.classes)
    with torch.device("meta"): cost = cost_of(untrained_model(recipe, num_classes), recipe.input_size)
    speed = measure(recipe, num_classes, machine)
    return pd.DataFrame([{
        "row": name, "model": row.title, **scores.mean(), "miou_spread": scores.miou.max() - scores.miou.min(),
        "seeds": options.seeds, "parameters": cost.parameters, "gflops": 2 * cost.macs / 1e9,
        "epoch_seconds": np.mean([run.history.seconds.median() for run in runs]), "training_ms": speed.training,
        "prediction_ms": speed.prediction, "epochs": recipe.epochs,
        "trained_at": hxw(recipe.input_size), "recipe": recipe.name,
        "weights": Path(recipe.weights).name, "published": row.published, **results[0].protocol,
        "machine": str(machine)}])


def _result(run: Run, split: str, dataset: SegmentationDataset, machine: Machine) -> Result:
    return read_result(run) if split == "val" else evaluate(run.path, split, machine, dataset.root)


def _image_dice(run: Run, split: str, dataset: SegmentationDataset, machine: Machine) -> float:
    opened = open_run(run.path, split, machine, dataset.root)
    num_classes = len(opened.dataset.classes)
    dice = ImageDice(num_classes)
    image_confusions(predictions(opened.model, opened.dl), num_classes, [dice.observe])
    return dice.mean
