"Training until it is done: on from where it stood, at a lower rate after losses that aren't finite, in parts where memory is short."

import warnings
from dataclasses import replace

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.callback.schedule import ParamScheduler
from fastai.callback.training import GradientAccumulation
from fastai.learner import Learner

from ..errors import Note, UserError
from ..networks.precision import Machine
from ..runs.resume_point import ResumePoint
from ..runs.run import Run
from ..runs.weights import ModelCard
from .batches import SegmentationDataLoaders
from .distributed import shared
from .finite_loss import LossNotFinite
from .interruption import Signals
from .learner import linknet_learner, rates
from .processes import processes
from .recipes import Recipe
from .recording import Recording
from .resuming import Resuming

STEP, STEP_EPOCHS = 0.1, 100  # of the schedule `steps`: the authors' training code
LOWER, LOWEST = 0.5, 0.2  # what the rate is multiplied by after losses that are not finite, and where that ends


def train_to_the_end(run: Run, card: ModelCard, learn: Learner, recipe: Recipe, machine: Machine, point: ResumePoint | None,
                     cbs: tuple[Callback, ...]):
    """Train `learn` from `point`, or from the start, to the recipe's last epoch; the run folder has the rest.

    Raises `Interrupted` after a signal, when all is saved, and `UserError` where lower rates and smaller batches don't help.
    """
    rate, dls = point.rate if point else 1.0, learn.dls
    while True:
        try: return attempt(run, card, learn, recipe, machine, point, rate, cbs)
        except LossNotFinite as error:
            rate *= LOWER
            if rate < LOWEST: raise
            point = run.resume_point()
            warnings.warn(Note(f"{error.sentence.partition(';')[0]}; so training goes back to the end of epoch {point.epoch}, "
                               f"and on at {rate:g} of the rate"), stacklevel=2)
        except torch.OutOfMemoryError as error:
            part = largest_part(learn.dls.train.bs)
            if part == 0 or processes() > 1:
                raise UserError(f"{learn.dls.train.bs} pictures of {card.size[0]}x{card.size[1]} don't fit into the memory of this "
                                "device; train at a smaller `--size` or `--batch-size`.") from error
            point = replace(run.resume_point(), batch_size=part)
            warnings.warn(Note(f"the device's memory is full, so batches of {recipe.batch_size} are computed in parts of "
                               f"{part}: a step sees as many pictures, BatchNorm fewer"), stacklevel=2)
        learn = learner_for(point, dls, recipe, machine)


def learner_for(point: ResumePoint | None, dls: SegmentationDataLoaders, recipe: Recipe, machine: Machine) -> Learner:
    "One whose weights `point` has, or that starts as the recipe says."
    if point is None: return linknet_learner(dls, recipe, machine)
    return linknet_learner(dls.in_batches_of(point.batch_size), replace(recipe, weights="none"), machine)


def largest_part(batch_size: int) -> int:
    "The largest divisor of a batch that is no more than half of it; 0 of a single picture."
    return max((part for part in range(1, batch_size // 2 + 1) if batch_size % part == 0), default=0)


def attempt(run: Run, card: ModelCard, learn: Learner, recipe: Recipe, machine: Machine,
            point: ResumePoint | None, rate: float, cbs: tuple[Callback, ...]):
    batch_size = learn.dls.train.bs
    if cbs: learn.remove_cb(ProgressCallback)
    with Signals() as signals, shared(learn, machine, recipe.seed):
        own = [Recording(run, card), Resuming(run, point, signals, rate, batch_size)]
        if batch_size < recipe.batch_size: own.append(GradientAccumulation(recipe.batch_size))
        train(learn, replace(recipe, lr=recipe.lr * rate), [*own, *cbs])


def train(learn: Learner, recipe: Recipe, cbs: list[Callback]):
    "Train by the recipe's schedule."
    if recipe.schedule == "one-cycle": return learn.fit_one_cycle(recipe.epochs, rates(recipe.lr, recipe), cbs=cbs)
    learn.create_opt()
    learn.opt.set_hyper("lr", rates(recipe.lr, recipe))
    first = np.array([group["lr"] for group in learn.opt.hypers])
    steps = ParamScheduler({"lr": lambda done: first * STEP ** (done * recipe.epochs // STEP_EPOCHS)})
    learn.fit(recipe.epochs, rates(recipe.lr, recipe), cbs=[steps, *cbs])
