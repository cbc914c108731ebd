"The main job: a data set and a recipe to a run folder."

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.learner import Learner
from fastai.torch_core import set_seed

from ..datasets import open_dataset
from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..files import writable_folder
from ..networks.precision import Machine, prepare
from ..progress import Progress, silent
from ..runs.config import Config
from ..runs.resume_point import ResumePoint
from ..runs.run import Run, new_run_path, refuse_taken
from ..runs.weights import ModelCard
from .batches import MEAN, STD, SegmentationDataLoaders, common_size
from .illustration import draw_results, draw_training
from .persistence import learner_for, train_to_the_end
from .processes import connected, is_first, one_first, processes, text_of_first
from .recipes import Recipe
from .scoring import score
from .tracking import refuse_missing, tracking

SPLITS = ("train", "train+val")


def fit(dataset: SegmentationDataset, recipe: Recipe = Recipe(), machine: Machine | None = None, out: Path | None = None,
        skip_bad: bool = False, splits: str = "train", cbs: tuple[Callback, ...] = (), progress: Progress = silent,
        tracker: str | None = None) -> Run:
    """Check the data, train, keep the best epoch, score it on the validation pictures, and draw the figures.

    `out` is a folder that holds no run yet (`runs/DATASET-N` if not given). With `skip_bad` unsound pairs are left out,
    and listed in the run. `splits` may be `train+val`, for a final network: then the last epoch is kept, and nothing is scored.
    `cbs` take the place of fastai's progress bar, `progress` shows how far the check is, `tracker` is one of `TRACKERS`.
    Raises `UserError` for what is wrong with data, recipe or folder, `Interrupted` after a signal.
    """
    out, machine = out or new_run_path(dataset.name), machine or Machine.choose()
    refuse_taken(out)  # said before the work, not after
    if tracker: refuse_missing(tracker)
    with connected(machine):
        out = Path(text_of_first(str(out)))
        with one_first(): report = check(dataset, progress)
        dataset = with_splits(report.usable(skip_bad), splits)
        recipe = replace(recipe, size=recipe.size or common_size(dataset))
        learn = learner_for(None, _seeded_batches(dataset, recipe, machine, splits), recipe, machine)
        if cbs: learn.remove_cb(ProgressCallback)
        if recipe.lr == "auto": recipe = replace(recipe, lr=_found_rate(learn))
        with _locked(Run(out)):
            if is_first():
                run = Run.create(out, _config(dataset, recipe, machine, splits, skip_bad))
                if not report.problems.empty: run.write_skipped(report.problems)
            return _finished(Run(out), dataset, learn, recipe, machine, None, cbs, tracker)


def resume(path: str | Path, epochs: int | None = None, data: Path | None = None, machine: Machine | None = None,
           cbs: tuple[Callback, ...] = (), progress: Progress = silent, tracker: str | None = None) -> Run:
    """Go on with the run at `path` from its newest resume point that is whole, as if it had never stopped.

    `epochs` asks for another number in all, which only the schedule `steps` allows; `data` is where the data set is now. The
    rest as for `fit`. Raises `UserError` for a run that is finished, or whose data are others now.
    """
    run = Run.open(path)
    config, recipe = run.config, with_epochs(run, epochs)
    machine = machine or Machine.choose(precision=config.machine["precision"])
    with connected(machine), _locked(run):
        point = run.resume_point()
        refuse_finished(run, recipe, point)
        if tracker: refuse_missing(tracker)
        dataset = open_dataset(config.dataset, data or config.data, config.protocol, **config.options)
        with one_first(): report = check(dataset, progress)
        dataset = with_splits(report.usable(config.skip_bad), config.splits)
        if _counts(dataset) != config.pictures:
            raise UserError(f"{run.path}: was trained on {config.pictures} pictures, and {dataset.root} has "
                            f"{_counts(dataset)} now; pass the data as it was with `--data`.")
        if is_first(): run.write_recipe(asdict(recipe))  # where the epochs are others
        learn = learner_for(point, _seeded_batches(dataset, recipe, machine, config.splits), recipe, machine)
        return _finished(run, dataset, learn, recipe, machine, point, cbs, tracker)


def with_epochs(run: Run, epochs: int | None) -> Recipe:
    "The recipe of a run, to be trained for `epochs` epochs in all, if that is given; `UserError` where it can't be."
    recipe = run.recipe_as(Recipe)
    if epochs is None or epochs == recipe.epochs: return recipe
    if recipe.schedule != "steps":
        raise UserError(f"{run.path}: its one-cycle schedule ends after {recipe.epochs} epochs, and can't go on to {epochs}; "
                        "leave out `--epochs`, or train anew.")
    if epochs < len(run.history):
        raise UserError(f"{run.path}: has {len(run.history)} epochs already, more than {epochs}; ask for more with `--epochs`.")
    return replace(recipe, epochs=epochs)


def refuse_finished(run: Run, recipe: Recipe, point: ResumePoint | None):
    if point is None and len(run.history):
        raise UserError(f"{run.path}: has no last.safetensors any more, so it can't go on; train anew with `--out`.")
    if run.is_finished and point is not None and point.epoch == recipe.epochs:
        raise UserError(f"{run.path}: is finished, all {recipe.epochs} epochs; train anew with `--out`.")


@contextmanager
def _locked(run: Run) -> Iterator[None]:
    "By the first process, for all."
    if not is_first(): return (yield)
    writable_folder(run.path)
    with run.locked(): yield


def _found_rate(learn: Learner) -> float:
    if processes() > 1:
        raise UserError("a learning rate of `auto` is searched for by one process; run `linknet-fastai lr-find`, and pass what it "
                        "finds with `--lr`.")
    return learn.lr_find(show_plot=False).valley


def _seeded_batches(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, splits: str) -> SegmentationDataLoaders:
    set_seed(recipe.seed)
    with one_first(): return SegmentationDataLoaders.from_dataset(dataset, recipe, machine.device, validate=splits == "train")


def _finished(run: Run, dataset: SegmentationDataset, learn: Learner, recipe: Recipe, machine: Machine, point: ResumePoint | None,
              cbs: tuple[Callback, ...], tracker: str | None) -> Run:
    "The run, trained to its end, scored and drawn."
    card = ModelCard(recipe.encoder, recipe.upsample, dataset.classes, dataset.palette, recipe.size, MEAN, STD,
                     dataset.protocol, dataset.benchmark and dataset.benchmark.ids, recipe.network)
    if tracker: cbs = (*cbs, tracking(tracker, run))
    dls = learn.dls
    train_to_the_end(run, card, learn, recipe, machine, point, cbs)
    if not is_first(): return run
    if len(dls.valid):
        model = prepare(run.load_model()[0], machine)
        result, matrices = score(model, run, dataset, "val", dls.valid)
        run.write_result("scores", result)
    draw_training(run, dls)
    if len(dls.valid): draw_results(run, model, dls.valid, result, matrices)
    run.finish()
    return run


def with_splits(dataset: SegmentationDataset, splits: str) -> SegmentationDataset:
    "With `train+val` the validation pictures are training pictures; `UserError` for anything but that and `train`."
    if splits not in SPLITS: raise UserError(f"splits {splits!r} can't be trained on; there are {', '.join(SPLITS)}.")
    if splits == "train": return dataset
    dataset.split("val")
    return replace(dataset, table=dataset.table.assign(split=dataset.table.split.replace("val", "train")))


def _config(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, splits: str, skip_bad: bool) -> Config:
    packages = ("linknet-fastai", "torch", "fastai", "timm", "numpy", "pillow")
    return Config(dataset=dataset.name, data=str(dataset.root) if dataset.root else None, protocol=dataset.protocol,
                  options=dict(dataset.options), pictures=_counts(dataset), splits=splits, skip_bad=skip_bad, recipe=asdict(recipe),
                  machine={"device": str(machine.device), "precision": machine.precision},
                  versions={"python": platform.python_version()} | {name: version(name) for name in packages})


def _counts(dataset: SegmentationDataset) -> dict[str, int]:
    return dataset.table.split.value_counts().to_dict()
