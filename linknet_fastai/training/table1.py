"The comparison that this project started from: five networks, one protocol, every score by its name."

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.callback.core import Callback
from torch import Tensor

from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..files import writable_folder
from ..networks.cost import cost_of
from ..networks.precision import Machine
from ..pictures import VOID
from ..runs.run import Run
from ..runs.table1 import write_table
from .evaluation import evaluate
from .fit import fit, resume
from .learner import untrained
from .recipes import RECIPES, Recipe
from .scoring import reopened
from .speed import measure

SPLIT = "val"


@dataclass(frozen=True)
class Row:
    "A row of the table: what is trained, and what was published for it, with its kind and source."

    title: str
    recipe: Recipe
    published: str


# SegNet and ENet are trained by `rapid`, so that rows differ by the network; their papers' own trainings are others
ROWS = {
    "segnet": Row("SegNet", replace(RECIPES["rapid"], network="segnet"),
                  "class accuracy 65.2, IoU 55.6, test frames (arXiv 1606.02147)"),
    "enet": Row("ENet", replace(RECIPES["rapid"], network="enet"),
                "class accuracy 68.3, IoU 51.3, test frames (arXiv 1606.02147)"),
    "paper": Row("LinkNet, as published", RECIPES["paper"],
                 "68.3, called IoU; by its own test code very likely class accuracy, IoU 55.8, test frames (arXiv 1707.03718); the "
                 "student report's own 67.63, called IoU, is a mean Dice of each picture with void, validation frames (on test "
                 "frames 56.3)"),
    "modified": Row("LinkNet, the report's changes", RECIPES["modified"],
                    "65.17, called IoU, is a mean Dice of each picture with void, validation frames (the student report; on test "
                    "frames 50.9)"),
    "rapid": Row("LinkNet, rapid", RECIPES["rapid"], "none"),
}


def table1(dataset: SegmentationDataset, out: Path, machine: Machine, changes: dict, only: tuple[str, ...] = (), seeds: int = 1,
           vgg_weights: str = "imagenet", watch: Callable[[str, float], tuple[Callback, ...]] = lambda run, left: ()) -> pd.DataFrame:
    """Train what is not trained yet, score all rows on the validation frames, and write the table and its plot to `out`.

    `changes` are settings for every row, such as `epochs` and `size`; `only` names some of `ROWS`; `vgg_weights` are SegNet's.
    A run that was not finished goes on. `watch` is called with a run's name and the share of all arithmetic that is
    still to do before it is trained; what it returns are the callbacks of its training.
    """
    unknown = set(only) - set(ROWS)
    if unknown: raise UserError(f"there is no row {', '.join(sorted(unknown))}; the rows are {', '.join(ROWS)}.")
    if seeds < 1: raise UserError(f"{seeds} seeds train nothing; ask for 1 or more.")
    writable_folder(out)
    wanted = {name: row for name, row in ROWS.items() if not only or name in only}
    recipes = {f"{name}-{seed}": replace(row.recipe, **changes | _start(row, vgg_weights), seed=seed)
               for seed in range(seeds) for name, row in wanted.items()}
    work = pd.Series({run: _work(recipe, len(dataset.classes)) for run, recipe in recipes.items()})
    for number, (run, recipe) in enumerate(recipes.items()):
        path = out / "runs" / run
        begun = Run.open(path) if (path / "config.json").exists() else None
        if begun and begun.recipe_as(Recipe) != recipe:
            raise UserError(f"{path}: was trained with other settings than are asked for now; choose another folder with `--out`.")
        if begun and begun.is_scored: continue
        cbs = watch(run, work[number:].sum() / work.sum())
        if begun: resume(path, data=dataset.root, machine=machine, cbs=cbs)
        else: fit(dataset, recipe, machine, path, cbs=cbs)
    table = pd.concat([_scored(name, row, out, seeds, machine) for name, row in wanted.items()], ignore_index=True)
    epochs = pd.concat([Run.open(out / "runs" / f"{name}-{seed}").history.assign(row=name, seed=seed)
                        for name in wanted for seed in range(seeds)], ignore_index=True)
    write_table(table, epochs, out)
    return table


def _start(row: Row, vgg_weights: str) -> dict[str, str]:
    "`--weights` are LinkNet's: SegNet has its own, ENet none."
    return {"linknet": {}, "segnet": {"weights": vgg_weights}, "enet": {"weights": "none"}}[row.recipe.network]


def _work(recipe: Recipe, classes: int) -> float:
    with torch.device("meta"): return recipe.epochs * cost_of(untrained(recipe, classes)).multiply_adds


def _scored(name: str, row: Row, out: Path, seeds: int, machine: Machine) -> pd.DataFrame:
    "One line: means over seeds, the spread of mIoU, what the network costs."
    runs = [Run.open(out / "runs" / f"{name}-{seed}") for seed in range(seeds)]
    recipe = runs[0].recipe_as(Recipe)
    results = [run.result() for run in runs]
    scores = pd.DataFrame([result.scores.summary() | {"picture_dice": _picture_dice(run, machine)}
                           for run, result in zip(runs, results)])
    with torch.device("meta"): cost = cost_of(untrained(recipe, len(results[0].scores.classes)), recipe.size)
    speed = measure(recipe, len(results[0].scores.classes), machine)
    return pd.DataFrame([{
        "row": name, "network": row.title, **scores.mean(), "miou_spread": scores.miou.max() - scores.miou.min(), "seeds": seeds,
        "parameters": cost.parameters, "gflops": 2 * cost.multiply_adds / 1e9,
        "epoch_seconds": np.mean([run.history.seconds.median() for run in runs]), "training_ms": speed.training,
        "prediction_ms": speed.inference, "epochs": recipe.epochs,
        "trained_at": "x".join(map(str, recipe.size)), "recipe": recipe.name, "weights": Path(recipe.weights).name,
        "published": row.published, **results[0].protocol, "machine": str(machine)}])


class PictureDice:
    """The report's score: the mean over pictures of each picture's mean Dice, with void as one class more.

    Of the labels that a picture's truth or prediction holds. A network that never predicts void has a Dice of 0 there.
    """

    def __init__(self): self.values = []

    def count(self, logits: Tensor, mask: Tensor):
        "Add a picture of logits `[C,H,W]` with its mask `[H,W]`."
        classes = logits.shape[0]
        truth = torch.where(mask == VOID, classes, mask.long())
        cells = torch.bincount((truth * (classes + 1) + logits.argmax(0)).flatten(), minlength=(classes + 1) ** 2)
        confusion = cells.view(classes + 1, classes + 1).double()
        areas = confusion.sum(0) + confusion.sum(1)
        self.values.append((2 * confusion.diagonal()[areas > 0] / areas[areas > 0]).mean().item())

    @property
    def mean(self) -> float: return float(np.mean(self.values))


def _picture_dice(run: Run, machine: Machine) -> float:
    model, _, dl = reopened(run, SPLIT, machine, None)
    dice = PictureDice()
    evaluate(model, dl, [dice.count])
    return dice.mean
