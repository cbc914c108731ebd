"""Training until it is done.

It goes on from a checkpoint, at a lower learning rate after losses that aren't finite, in smaller batches where memory
is short.
"""

import warnings
from dataclasses import dataclass, replace

import torch
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.learner import Learner

from ..dataloaders.dataloaders import SegmentationDataLoaders
from ..errors import Interrupted, Note, UserError, printable
from ..recipes import Recipe
from ..runs.card import ModelCard
from ..runs.checkpoint import Checkpoint
from ..runs.run import Run
from ..runtime.all_reduce import all_reduce_max
from ..runtime.device import Machine
from ..runtime.distributed import world_size
from .accumulation import EpochAccumulation
from .checkpointing import Checkpointing
from .early_stopping import Patience
from .finite_loss import LossNotFinite
from .history import RunHistory
from .learner import linknet_learner
from .schedules import fit_schedule
from .sharding import distributed
from .signals import Signals

LR_BACKOFF, LOWEST_LR_SCALE = 0.5, 0.2  # after losses that are not finite the lr is multiplied by this, down to that


@dataclass(frozen=True)
class Job:
    """One training: how and on what machine, and the run folder that keeps it.

    `card` describes the model. `cbs` are more callbacks; `progress_bar` takes the place of fastai's.
    """

    run: Run
    recipe: Recipe
    machine: Machine
    card: ModelCard
    cbs: tuple[Callback, ...] = ()
    progress_bar: Callback | None = None


def create_learner(dls: SegmentationDataLoaders, recipe: Recipe, machine: Machine,
                   checkpoint: Checkpoint | None = None) -> Learner:
    """A learner that starts as the recipe says, or one that `checkpoint` fits.

    Args:
        dls: the batches.
        recipe: how it trains.
        machine: what it runs on.
        checkpoint: where it will go on from, if there is one; its batch size is taken, its weights aren't yet.
    """
    if checkpoint is None: return linknet_learner(dls, recipe, machine)
    if checkpoint.batch_size < recipe.batch_size and world_size() > 1:
        raise UserError(f"batches of {recipe.batch_size} were computed in parts of {checkpoint.batch_size}, since "
                        "memory was short, which several processes can't go on with; resume it with one.")
    return linknet_learner(dls.in_batches_of(checkpoint.batch_size), replace(recipe, weights="none"), machine)


def train(job: Job, learn: Learner, checkpoint: Checkpoint | None = None) -> Learner:
    """Train `learn` from `checkpoint`, or from the start, to the recipe's last epoch; the learner that reached it.

    That is another one where the learning rate or the batch size had to be lowered. Raises `Interrupted` after a
    signal, when all is saved, and `UserError` where lower learning rates and smaller batches don't help.
    """
    lr_scale, dls = checkpoint.lr_scale if checkpoint else 1.0, learn.dls
    with Signals() as signals:
        while True:
            done = None
            try: done = _attempt(job, learn, checkpoint, lr_scale, signals)
            except LossNotFinite as error:
                lr_scale *= LR_BACKOFF
                if lr_scale < LOWEST_LR_SCALE: raise
                checkpoint = job.run.checkpoints.read()
                within = f"its last checkpoint, within epoch {checkpoint.epoch + 1}"
                back = within if checkpoint.images else f"the end of epoch {checkpoint.epoch}"
                warnings.warn(Note(f"{printable(error.what)}; so training goes back to {back}, and on at "
                                   f"{lr_scale:g} of the learning rate"), stacklevel=2)
            except torch.OutOfMemoryError as error:
                part = part_that_may_fit(job.recipe, learn.dls.train.bs, error)
                checkpoint = replace(job.run.checkpoints.read(), batch_size=part)
                warnings.warn(Note(told_of_parts(job.recipe, part)), stacklevel=2)
            if signal := all_reduce_max(signals.received or 0): raise Interrupted(signal, job.run.path)
            if done: return done
            learn.release()
            learn = create_learner(dls, job.recipe, job.machine, checkpoint)


def part_that_may_fit(recipe: Recipe, batch_size: int, error: torch.OutOfMemoryError) -> int:
    """How many images to compute at once where `batch_size` of them don't fit into memory.

    That is the largest divisor that is no more than half; `UserError` where there is none, or for several processes.
    """
    part = max((part for part in range(1, batch_size // 2 + 1) if batch_size % part == 0), default=0)
    if part and world_size() == 1: return part
    height, width = recipe.input_size
    raise UserError(f"{batch_size} images of {height}x{width} don't fit into the memory of this device; train at a "
                    "smaller `--size` or `--batch-size`.") from error


def told_of_parts(recipe: Recipe, part: int) -> str:
    "For a `Note`: that batches are computed in parts of `part` images."
    return (f"the device's memory is full, so batches of {recipe.batch_size} are computed in parts of {part}: a step "
            "sees as many images, BatchNorm fewer")


def _attempt(job: Job, learn: Learner, checkpoint: Checkpoint | None, lr_scale: float, signals: Signals) -> Learner:
    batch_size, recipe = learn.dls.train.bs, job.recipe
    if job.progress_bar: learn.remove_cb(ProgressCallback)
    with distributed(learn, job.machine, recipe.seed):
        cbs = [RunHistory(job.run, job.card), Checkpointing(job.run, checkpoint, signals, lr_scale, batch_size)]
        if batch_size < recipe.batch_size: cbs.append(EpochAccumulation(learn.dls.train.step_images))
        if recipe.patience: cbs.append(Patience(recipe.patience, recipe.freeze_epochs, recipe.schedule))
        if job.progress_bar: cbs.append(job.progress_bar)
        fit_schedule(learn, replace(recipe, lr=recipe.lr * lr_scale), checkpoint, [*cbs, *job.cbs])
    return learn
