"A run that was stopped, continued."

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fastai.callback.core import Callback

from ..datasets.dataset import SegmentationDataset
from ..datasets.fingerprint import fingerprint
from ..errors import Note, UserError, counted
from ..models.stats import refuse_other_stats
from ..progress import Progress, silent
from ..recipes import Recipe
from ..runs.checkpoint import Checkpoint
from ..runs.run import Run
from ..runtime.device import Machine
from ..runtime.distributed import is_main_process, process_group, world_size
from ..training.loggers import check_logger
from ..training.sharding import check_distributed
from ..training.trainer import create_learner, train
from .finish import evaluate_and_report, remove_outdated
from .fit import FitOptions, check_data, job_for, refuse_contradictions, seeded_dataloaders
from .new_run import image_counts, locked, root_of
from .run_data import is_other_data, open_data


@dataclass(frozen=True)
class ResumeOptions:
    """How `resume` goes on, where it isn't as before.

    `epochs` asks for another number in all, which a one-cycle doesn't allow, nor an encoder that was trained first;
    `data` is where the dataset is now. With `data_changed` other files, splits or names of classes than before are
    meant. The rest is as in `FitOptions`.
    """

    epochs: int | None = None
    data: Path | None = None
    data_changed: bool = False
    logger: str | None = None
    cbs: Callback | Sequence[Callback] = ()
    progress_bar: Callback | None = None
    progress: Progress = silent

    def __post_init__(self):
        if self.logger: check_logger(self.logger)


def resume(path: str | Path, machine: Machine | None = None, options: ResumeOptions = ResumeOptions()) -> Run:
    """Go on with the run at `path` from its newest checkpoint that is whole, as if it had never stopped.

    Raises `UserError` for a run that is finished, or whose data are others now, `Interrupted` after a signal.
    """
    run = Run.open(path)
    config, recipe = run.config, recipe_with_epochs(run, options.epochs)
    machine = machine or machine_of(run)
    with process_group(machine), locked(run):
        run.refuse_irregular()
        checkpoint = run.checkpoints.read()
        refuse_finished(run, recipe, checkpoint)
        refuse_contradictions(recipe, config.splits)
        if run.model_file.is_file() and run.card.encoder == recipe.encoder:  # else the checkpoint says it
            refuse_other_stats(run.path, run.card.mean, run.card.std, recipe)
        dataset = open_data(run, options.data)
        dataset, _ = check_data(dataset, config.splits, config.skip_bad, options.progress)
        is_other = is_other_data(run, dataset, options.data_changed)
        if checkpoint and is_other: checkpoint = checkpoint.with_other_data()
        dls = seeded_dataloaders(dataset, recipe, machine, config.splits)
        fit_options = FitOptions(logger=options.logger, cbs=options.cbs, progress_bar=options.progress_bar)
        job = job_for(run, dataset, recipe, machine, fit_options)
        learn = create_learner(dls, recipe, machine, checkpoint)
        check_distributed(learn, machine)  # before anything is written
        if is_main_process():
            if checkpoint and (is_other or run.checkpoints.is_finished): run.checkpoints.write(checkpoint)
            if is_other: record_data(run, dataset, checkpoint)
            run.rewrite_config(recipe=asdict(recipe))  # its epochs may be others
            remove_outdated(run)
        learn = train(job, learn, checkpoint)
        evaluate_and_report(job, learn, dataset)
        return run


def machine_of(run: Run, device: str | None = None, precision: str | None = None, compile: bool = False) -> Machine:
    """The machine that a run began on, but for what is named; arguments and errors as for `Machine.choose`.

    The best device in the place of one that isn't here; a `Note` tells.
    """
    begun = run.config.machine
    if device is None and world_size() == 1:
        try: device = str(Machine.choose(begun["device"]).device)
        except UserError:
            warnings.warn(Note(f"{run.path}: was begun on {begun['device']}, which isn't on this machine, and goes on "
                               "by the best device that is"), stacklevel=2)
    return Machine.choose(device, precision or begun["precision"], compile)


def recipe_with_epochs(run: Run, epochs: int | None) -> Recipe:
    "The recipe of a run, to be trained for `epochs` epochs in all, if that is given; `UserError` where it can't be."
    recipe = run.recipe
    if epochs is None or epochs == recipe.epochs: return recipe
    if recipe.encoder_first:
        raise UserError(f"{run.path}: its encoder was trained first for a part of {recipe.epochs} epochs, which would "
                        f"be another part of {epochs}; leave out `--epochs`, or train anew.")
    if recipe.schedule == "one-cycle":
        raise UserError(f"{run.path}: its one-cycle schedule ends after {recipe.epochs} epochs, and can't go on to "
                        f"{epochs}; leave out `--epochs`, or train anew.")
    if epochs < len(run.history):
        raise UserError(f"{run.path}: has {counted(len(run.history), 'epoch')} already, more than {epochs}; ask for "
                        "more with `--epochs`.")
    return replace(recipe, epochs=epochs)


def refuse_finished(run: Run, recipe: Recipe, checkpoint: Checkpoint | None):
    "`UserError` where there is nothing to do, or nothing to go on from."
    if checkpoint is None and len(run.history):
        raise UserError(f"{run.path}: has no last.safetensors any more, so it can't go on; train anew with `fit`.")
    more_is_asked = recipe.epochs > run.recipe.epochs
    if run.checkpoints.is_finished and checkpoint is not None and checkpoint.epoch and not more_is_asked:
        raise UserError(f"{run.path}: is finished, after {counted(checkpoint.epoch, 'epoch')}; train anew with `fit`.")


def record_data(run: Run, dataset: SegmentationDataset, checkpoint: Checkpoint | None):
    "Write down that the run goes on with `dataset` from a checkpoint `with_other_data`, or anew."
    run.rewrite_config(classes=dataset.classes, images=image_counts(dataset), data=root_of(dataset),
                       compared_from=checkpoint.recorder["compared_from"] if checkpoint else 0)
    run.write_csv(run.samples_file.name, fingerprint(dataset))  # last: by it the next time knows what is other
