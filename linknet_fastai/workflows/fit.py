"The main job: a dataset and a recipe to a run folder."

import platform
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.torch_core import set_seed

from ..dataloaders.dataloaders import SegmentationDataLoaders, with_size
from ..dataloaders.decode import common_size
from ..datasets.check import CheckResult, check, never_learned
from ..datasets.dataset import SegmentationDataset
from ..datasets.fingerprint import fingerprint
from ..datasets.folder import DRAWN, split_table
from ..errors import Note, UserError, check_choice
from ..files import writable_folder
from ..models.stats import model_stats
from ..progress import Progress, silent
from ..recipes import Recipe
from ..runs.config import Config
from ..runs.run import Run, new_run_path, refuse_taken
from ..runs.weights import ModelCard
from ..runtime.device import Machine
from ..runtime.distributed import broadcast_text, is_main_process, main_process_first, process_group, world_size
from ..training.initial_model import check_weights
from ..training.learner import linknet_learner
from ..training.loggers import check_logger, create_logger
from ..training.sharding import check_distributed
from ..training.trainer import Job, train
from .finish import evaluate_and_report
from .time_plan import TimePlan, plan_time

SPLITS = ("train", "train+val")


@dataclass(frozen=True)
class FitOptions:
    """How `fit` trains, beside the recipe.

    `out` is a folder that holds no run yet, `runs/DATASET-N` if not given. With `skip_bad` unsound samples are left
    out, and listed in the run. `splits` may be `train+val`, for a final model: then the last epoch is kept, and nothing
    is scored. `logger` is `tensorboard` or `wandb`. `cbs` are fastai callbacks; `progress_bar` is one that takes the
    place of fastai's. `progress` shows how far the check is, `announce` is called with how long the training will take
    before it begins. `UserError` for what is unknown or not installed.
    """

    out: Path | None = None
    skip_bad: bool = False
    splits: str = "train"
    logger: str | None = None
    cbs: tuple[Callback, ...] = ()
    progress_bar: Callback | None = None
    progress: Progress = silent
    announce: Callable[[TimePlan], None] = lambda plan: None

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
    if recipe.patience and options.splits != "train":
        raise UserError("without a validation score nothing tells when to stop; leave out `--patience`, or train on "
                        "`train`.")
    if (recipe.freeze_epochs or recipe.encoder_first) and world_size() > 1:
        raise UserError("several processes can't train a part of the model first; leave out `--freeze-epochs` or "
                        "`--encoder-first`, or use one process.")
    with process_group(machine):
        with main_process_first(): check_weights(recipe)  # the longest wait for nothing is for a hub that isn't there
        dataset, checked = check_data(dataset, options.splits, options.skip_bad, options.progress)
        recipe, dls = planned(dataset, recipe, machine, options, started)
        learn = linknet_learner(dls, recipe, machine)
        check_distributed(learn, machine)  # before anything is written
        recipe = replace(recipe, lr=_found_lr(learn) if recipe.lr == "auto" else recipe.lr)
        run = new_run(options.out, dataset)
        with locked(run):
            job = job_for(run, dataset, recipe, machine, options)  # a logger may refuse: before anything is written
            create(run, dataset, config_of(dataset, recipe, machine, options), checked)
            absent = [name for name, pixels in zip(dls.vocab, dls.class_counts.sum(0)) if pixels == 0]
            if absent and is_main_process(): warnings.warn(Note(never_learned(absent)), stacklevel=2)
            learn = train(job, learn)
            evaluate_and_report(job, learn, dataset, dls)
            return run


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
    """The recipe as it will be trained, with size and epochs given, and its batches; how long it takes is announced.

    Nothing is measured by several processes, whose steps wait for each other: `UserError` for `minutes` there.

    Args:
        dataset: what is trained on.
        recipe: how.
        machine: on what.
        options: which splits, and who is told.
        started: when all began, by `time.monotonic`.
    """
    def open_dataloaders(recipe: Recipe) -> SegmentationDataLoaders:
        return seeded_dataloaders(dataset, recipe, machine, options.splits)

    if world_size() > 1:
        if recipe.minutes is not None:
            raise UserError("how many epochs fit into some minutes is measured by one process; leave out `--minutes`, "
                            "or use one process.")
        recipe = with_size(recipe, dataset)
        return recipe, open_dataloaders(recipe)
    plan, dls = plan_time(dataset, recipe, machine, open_dataloaders, started)
    for note in plan.notes: warnings.warn(Note(note), stacklevel=3)
    options.announce(plan)
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


def new_run(out: Path | None, dataset: SegmentationDataset) -> Run:
    "The run to be, in the folder `out`, or in a new one; the main process chooses it for all."
    chosen = (out or new_run_path(dataset.name)) if is_main_process() else ""
    return Run(Path(broadcast_text(str(chosen))))


@contextmanager
def locked(run: Run) -> Iterator[None]:
    "Hold the run's folder, made where it is missing, for this training alone; the main process does so for all."
    if not is_main_process(): return (yield)
    writable_folder(run.path)
    with run.locked(): yield


def create(run: Run, dataset: SegmentationDataset, config: Config, checked: CheckResult):
    "Write what a run begins with: `config`, and what was found of its samples; by the main process."
    if not is_main_process(): return
    Run.create(run.path, config)
    run.write_csv(run.samples_file.name, fingerprint(dataset))
    if dataset.split_source == DRAWN:
        run.write_csv(run.splits_file.name, split_table(checked.dataset))  # the run's own from now on, as it was drawn
    if not checked.problems.empty: run.write_csv(run.skipped.name, checked.problems)


def job_for(run: Run, dataset: SegmentationDataset, recipe: Recipe, machine: Machine, options: FitOptions) -> Job:
    """The training as `train` takes it.

    Args:
        run: the folder to write to.
        dataset: what is trained on.
        recipe: how, with its `size` or `crop` given.
        machine: on what.
        options: callbacks, and the logger that the main process has; `UserError` where that can't log.
    """
    format, stats = dataset.image_format, model_stats(recipe, dataset.channels)
    card = ModelCard(recipe.encoder, recipe.upsample, dataset.classes, dataset.palette, recipe.input_size, stats.mean,
                     stats.std, dataset.protocol, dataset.cityscapes and dataset.cityscapes.ids, recipe.model,
                     class_values(dataset), format.value_range, format.channels, recipe.crop is not None,
                     common_size(dataset))
    loggers = (create_logger(options.logger, run),) if options.logger and is_main_process() else ()
    return Job(run, recipe, machine, card, options.cbs + loggers, options.progress_bar)


def class_values(dataset: SegmentationDataset) -> tuple | None:
    """What each class is in the dataset's masks: its color in the palette, or its first value.

    None where a class has no value.
    """
    first = {index: value for value, index in reversed(dataset.values.items())}
    if dataset.in_color: first |= {index: color for index, color in enumerate(dataset.palette)
                                   if dataset.values.get(color) == index}
    if any(index not in first for index in range(len(dataset.classes))): return None
    return tuple(first[index] for index in range(len(dataset.classes)))


def config_of(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, options: FitOptions) -> Config:
    """All that is needed to repeat the run.

    Args:
        dataset: what is trained on.
        recipe: how, with its `size` or `crop`, and its `lr`, given.
        machine: on what.
        options: which splits, and whether unsound samples are skipped.
    """
    packages = ("linknet-fastai", "torch", "fastai", "timm", "numpy", "pillow")
    data = None if dataset.root is None or dataset.is_fetched else str(dataset.root)
    return Config(dataset=dataset.name, data=data, protocol=dataset.protocol, options=dict(dataset.options),
                  classes=dataset.classes, images=image_counts(dataset), splits=options.splits,
                  skip_bad=options.skip_bad, recipe=asdict(recipe),
                  machine={"device": str(machine.device), "precision": machine.precision},
                  versions={"python": platform.python_version()} | {name: version(name) for name in packages})


def image_counts(dataset: SegmentationDataset) -> dict[str, int]:
    "How many images each split has."
    return dataset.table.split.value_counts().to_dict()


def _found_lr(learn: Learner) -> float:
    if world_size() > 1:
        raise UserError("a learning rate of `auto` is searched for by one process; run `linknet-fastai lr-find`, and "
                        "pass what it finds with `--lr`.")
    with learn.no_bar(): return learn.lr_find(show_plot=False).valley
