"The main job: a data set and a recipe to a run folder."

import platform
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.callback.schedule import ParamScheduler
from fastai.learner import Learner
from fastai.torch_core import set_seed

from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..networks.precision import Machine, prepare
from ..progress import Progress, silent
from ..runs.run import Run, new_run_path, refuse_taken
from ..runs.weights import ModelCard
from .batches import MEAN, STD, SegmentationDataLoaders, common_size
from .illustration import draw_results, draw_training
from .learner import linknet_learner, rates
from .recipes import Recipe
from .recording import Recording
from .scoring import score
from .tracking import refuse_missing, tracking

SPLITS = ("train", "train+val")
STEP, STEP_EPOCHS = 0.1, 100  # of the schedule `steps`: the authors' training code


def fit(dataset: SegmentationDataset, recipe: Recipe = Recipe(), machine: Machine | None = None, out: Path | None = None,
        skip_bad: bool = False, splits: str = "train", cbs: tuple[Callback, ...] = (), progress: Progress = silent,
        tracker: str | None = None) -> Run:
    """Check the data, train, keep the best epoch, score it on the validation pictures, and draw the figures.

    `out` is a folder that holds no run yet (`runs/DATASET-N` if not given). With `skip_bad` unsound pairs are left out,
    and listed in the run. `splits` may be `train+val`, for a final network: then the last epoch is kept, and nothing is scored.
    `cbs` take the place of fastai's progress bar, `progress` shows how far the check is, `tracker` is one of `TRACKERS`.
    Raises `UserError` for what is wrong with data, recipe or folder.
    """
    out, machine = out or new_run_path(dataset.name), machine or Machine.choose()
    refuse_taken(out)  # said before the work, not after
    if tracker: refuse_missing(tracker)
    report = check(dataset, progress)
    dataset = with_splits(report.usable(skip_bad), splits)
    recipe = replace(recipe, size=recipe.size or common_size(dataset))
    set_seed(recipe.seed)
    validates = splits == "train"
    dls = SegmentationDataLoaders.from_dataset(dataset, recipe, machine.device, validates)
    learn = linknet_learner(dls, recipe, machine)
    if cbs: learn.remove_cb(ProgressCallback)
    if recipe.lr == "auto": recipe = replace(recipe, lr=learn.lr_find(show_plot=False).valley)

    run = Run.create(out, _config(dataset, recipe, machine) | {"splits": splits, "skip_bad": skip_bad})
    if not report.problems.empty: run.write_skipped(report.problems)
    card = ModelCard(recipe.encoder, recipe.upsample, dataset.classes, dataset.palette, recipe.size, MEAN, STD,
                     dataset.protocol, dataset.benchmark and dataset.benchmark.ids, recipe.network)
    if tracker: cbs = (*cbs, tracking(tracker, run))
    train(learn, recipe, [Recording(run, card), *cbs])
    if validates:
        model = prepare(run.load_model()[0], machine)
        result, matrices = score(model, run, dataset, "val", dls.valid)
        run.write_result("scores", result)
        draw_results(run, model, dls.valid, result, matrices)
    draw_training(run, dls)
    return run


def with_splits(dataset: SegmentationDataset, splits: str) -> SegmentationDataset:
    "With `train+val` the validation pictures are training pictures; `UserError` for anything but that and `train`."
    if splits not in SPLITS: raise UserError(f"splits {splits!r} can't be trained on; there are {', '.join(SPLITS)}.")
    if splits == "train": return dataset
    dataset.split("val")
    return replace(dataset, table=dataset.table.assign(split=dataset.table.split.replace("val", "train")))


def train(learn: Learner, recipe: Recipe, cbs: list[Callback]):
    "Train by the recipe's schedule."
    if recipe.schedule == "one-cycle": return learn.fit_one_cycle(recipe.epochs, rates(recipe.lr, recipe), cbs=cbs)
    learn.create_opt()
    learn.opt.set_hyper("lr", rates(recipe.lr, recipe))
    first = np.array([group["lr"] for group in learn.opt.hypers])
    steps = ParamScheduler({"lr": lambda done: first * STEP ** (done * recipe.epochs // STEP_EPOCHS)})
    learn.fit(recipe.epochs, rates(recipe.lr, recipe), cbs=[steps, *cbs])


def _config(dataset: SegmentationDataset, recipe: Recipe, machine: Machine) -> dict:
    "All that is needed to repeat the run."
    packages = ("linknet-fastai", "torch", "fastai", "timm", "numpy", "pillow")
    return {"dataset": dataset.name, "data": str(dataset.root) if dataset.root else None, "protocol": dataset.protocol,
            "options": dict(dataset.options), "pictures": dataset.table.split.value_counts().to_dict(),
            "recipe": asdict(recipe), "machine": {"device": str(machine.device), "precision": machine.precision},
            "versions": {"python": platform.python_version()} | {name: version(name) for name in packages}}
