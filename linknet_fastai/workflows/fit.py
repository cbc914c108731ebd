"The main job: a dataset and a recipe to a run folder."

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.torch_core import set_seed
from fastcore.foundation import L

from ..dataloaders.dataloaders import SegmentationDataLoaders, with_size
from ..datasets.check import CheckResult, check, never_learned
from ..datasets.dataset import SegmentationDataset
from ..errors import Note, UserError, check_choice
from ..progress import Progress, silent
from ..recipes import Recipe
from ..runs.run import Run, refuse_taken
from ..runtime.device import Machine
from ..runtime.distributed import is_main_process, main_process_first, process_group, world_size
from ..training.accumulation import EpochAccumulation
from ..training.initial_model import check_weights
from ..training.learner import linknet_learner
from ..training.loggers import check_logger, create_logger
from ..training.sharding import check_distributed
from ..training.trainer import Job, train
from .finish import evaluate_and_report
from .new_run import card_of, config_of, create, locked, new_run
from .time_plan import TimePlan, plan_time

SPLITS = ("train", "train+val")


@dataclass(frozen=True)
class FitOptions:
    """How `fit` trains, beside the recipe.

    `out` is a folder that holds no run yet, `runs/DATASET-N` if not given. With `skip_bad` unsound samples are left
    out, and listed in the run. `splits` may be `train+val`, for a final model: then the last epoch is kept, and nothing
    is scored. `logger` is `tensorboard` or `wandb`. `cbs` are fastai callbacks, or one; `progress_bar` is one that
    takes the place of fastai's. `progress` shows how far the check is. `on_plan` is called with how long the training
    will take before it begins; that is measured where it is given, or the recipe has `minutes`. `UserError` for what is
    unknown or not installed.
    """

    out: Path | None = None
    skip_bad: bool = False
    splits: str = "train"
    logger: str | None = None
    cbs: Callback | Sequence[Callback] = ()
    progress_bar: Callback | None = None
    progress: Progress = silent
    on_plan: Callable[[TimePlan], None] | None = None

    def __post_init__(self):
        check_choice("splits", self.splits, SPLITS)
        if self.logger: check_logger(self.logger)


def fit(dataset: SegmentationDataset, recipe: Recipe = Recipe(), machine: Machine | None = None,
        options: FitOptions = FitOptions()) -> Run:
    """Check the data, train, keep the best epoch, score it on the validation images, and draw the figures.

    Args:
        dataset: what to train on.
        recipe: how to train.
        machine: what to train on; the best there is if not given.
        options: what else to do, and where to write.

    Returns the run folder. Raises `UserError` for what is wrong with data, recipe or folder, `Interrupted` after a
    signal.
    """
    started, machine = time.monotonic(), machine or Machine.choose()
    if options.out: refuse_taken(options.out)  # before the work, not after
    refuse_contradictions(recipe, options.splits)
    with process_group(machine):
        with main_process_first(): check_weights(recipe)  # the longest wait for nothing is for a hub that isn't there
        dataset, checked = check_data(dataset, options.splits, options.skip_bad, options.progress)
        recipe, dls = planned(dataset, recipe, machine, options, started)
        learn = linknet_learner(dls, recipe, machine)
        check_distributed(learn, machine)  # before anything is written
        recipe = replace(recipe, lr=found_lr(learn, recipe.batch_size) if recipe.lr == "auto" else recipe.lr)
        run = new_run(options.out, dataset)
        with locked(run):
            job = job_for(run, dataset, recipe, machine, options)  # a logger may refuse: before anything is written
            config = config_of(dataset, recipe, machine, options.splits, options.skip_bad)
            create(run, dataset, config, checked)
            _note_never_learned(dls)
            learn = train(job, learn)
            evaluate_and_report(job, learn, dataset)
            return run


def refuse_contradictions(recipe: Recipe, splits: str):
    "`UserError` for settings that can't be met with what is trained on, or by several processes."
    if recipe.patience and splits != "train":
        raise UserError("without a validation score nothing tells when to stop; leave out `--patience`, or train on "
                        "`train`.")
    if recipe.encoder_first_epochs >= recipe.epochs:
        raise UserError(f"an encoder_first of {recipe.encoder_first:g} leaves the decoder none of {recipe.epochs} "
                        "epochs; pass less with `--encoder-first`, or more with `--epochs` or `--minutes`.")
    if (recipe.freeze_epochs or recipe.encoder_first) and world_size() > 1:
        raise UserError("several processes can't train a part of the model first; leave out `--freeze-epochs` or "
                        "`--encoder-first`, or use one process.")


def check_data(dataset: SegmentationDataset, splits: str, skip_bad: bool,
               progress: Progress = silent) -> tuple[SegmentationDataset, CheckResult]:
    """The dataset to train on, without unsound samples, and what the check found.

    Args:
        dataset: read in full.
        splits: `train`, or `train+val` to have the validation images among the training images.
        skip_bad: leave unsound samples out; `UserError` where there are some otherwise.
        progress: shows how far the reading is.
    """
    with main_process_first(): checked = check(dataset, progress)
    dataset = checked.usable(skip_bad)
    if splits == "train": return dataset, checked
    dataset.split("val")
    table = dataset.table.assign(split=dataset.table.split.replace("val", "train"))
    return replace(dataset, table=table), checked


def planned(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, options: FitOptions,
            started: float) -> tuple[Recipe, SegmentationDataLoaders]:
    """The recipe as it will be trained, with size and epochs given, and its batches; how long it takes is told.

    Nothing is measured where nobody is told, nor by several processes, whose steps wait for each other: `UserError` for
    `minutes` there.

    Args:
        dataset: what is trained on.
        recipe: how.
        machine: on what.
        options: which splits, and who is told.
        started: when all began, by `time.monotonic`.
    """
    def open_dataloaders(recipe: Recipe) -> SegmentationDataLoaders:
        return seeded_dataloaders(dataset, recipe, machine, options.splits)

    if world_size() > 1 and recipe.minutes is not None:
        raise UserError("how many epochs fit into some minutes is measured by one process; leave out `--minutes`, or "
                        "use one process.")
    if world_size() > 1 or (options.on_plan is None and recipe.minutes is None):
        recipe = with_size(recipe, dataset)
        return recipe, open_dataloaders(recipe)
    plan, dls = plan_time(dataset, recipe, machine, open_dataloaders, started)
    for note in plan.notes: warnings.warn(Note(note), stacklevel=3)
    if options.on_plan: options.on_plan(plan)
    return plan.recipe, dls


def seeded_dataloaders(dataset: SegmentationDataset, recipe: Recipe, machine: Machine,
                       splits: str) -> SegmentationDataLoaders:
    """Batches of `dataset`, and the recipe's seed for all that is random from here on.

    Args:
        dataset: what `check_data` gave.
        recipe: size, batches and augmentation.
        machine: where batches are.
        splits: what is trained on; with `train+val` nothing is left to validate.
    """
    set_seed(recipe.seed)
    with main_process_first():
        return SegmentationDataLoaders.from_dataset(dataset, recipe, machine.device, validate=splits == "train")


def job_for(run: Run, dataset: SegmentationDataset, recipe: Recipe, machine: Machine, options: FitOptions) -> Job:
    """The training as `train` takes it.

    Args:
        run: the folder to write to.
        dataset: what is trained on.
        recipe: how, with its `size` or `crop` given.
        machine: on what.
        options: callbacks, and the logger that the main process has; `UserError` where that can't log.
    """
    loggers = (create_logger(options.logger, run),) if options.logger and is_main_process() else ()
    return Job(run, recipe, machine, card_of(dataset, recipe), (*L(options.cbs), *loggers), options.progress_bar)


def _note_never_learned(dls: SegmentationDataLoaders):
    absent = [name for name, pixels in zip(dls.vocab, dls.class_counts.sum(0)) if pixels == 0]
    if absent and is_main_process(): warnings.warn(Note(never_learned(absent)), stacklevel=3)


def found_lr(learn: Learner, batch_size: int) -> float:
    "fastai's `valley` for steps of `batch_size` images, which `learn` may compute in parts; `UserError` in processes."
    if world_size() > 1:
        raise UserError("a learning rate of `auto` is searched for by one process; run `linknet-fastai lr-find`, and "
                        "pass what it finds with `--lr`.")
    train = learn.dls.train
    in_parts = [EpochAccumulation(train.step_images)] if train.bs < batch_size else []
    with learn.no_bar(), learn.added_cbs(in_parts): return learn.lr_find(show_plot=False).valley
