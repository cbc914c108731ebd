"How the learning rate goes, and when the encoder joins in."

import numpy as np
from fastai.callback.core import Callback
from fastai.callback.schedule import ParamScheduler, combine_scheds, combined_cos
from fastai.learner import Learner

from ..models.autocast import plain_model
from ..recipes import Recipe
from ..runs.checkpoint import Checkpoint
from .optimizers import discriminative_lr

STEP, STEP_EPOCHS = 0.1, 100  # of the schedule `steps`: the authors' training code
ROUNDING = 1e-6  # of an epoch: 100 / 161 * 161 is less than 100


def fit_schedule(learn: Learner, recipe: Recipe, checkpoint: Checkpoint | None, cbs: list[Callback]):
    "Train `learn` by the recipe's schedule; its callbacks begin at `checkpoint`, if there is one."
    lr = discriminative_lr(recipe.lr, recipe)
    if recipe.encoder_first: cbs = [EncoderFirst(recipe.encoder_first_epochs), *cbs]
    if recipe.schedule == "one-cycle" and not recipe.freeze_epochs:
        return learn.fit_one_cycle(recipe.epochs, lr, cbs=cbs)
    learn.create_opt()
    learn.opt.set_hyper("lr", lr)
    lr_max = np.array([group["lr"] for group in learn.opt.hypers])
    if recipe.schedule == "constant": own = [ParamScheduler({"lr": lambda done: lr_max})]  # not a checkpoint's
    elif recipe.schedule == "steps": own = [steps(lr_max, recipe)]
    else: own = [fine_tune(lr_max, learn.moms, recipe), FrozenEncoder(recipe.freeze_epochs, checkpoint)]
    learn.fit(recipe.total_epochs, lr, cbs=[*own, *cbs])


def steps(lr_max: np.ndarray, recipe: Recipe) -> ParamScheduler:
    """A tenth of `lr_max`, the parameter groups' learning rates, after each 100 epochs.

    They begin anew where the decoder joins an encoder that was trained first.
    """
    def lr(done: float) -> np.ndarray:
        epoch, first = int(done * recipe.epochs + ROUNDING), recipe.encoder_first_epochs
        return lr_max * STEP ** ((epoch - first if epoch >= first else epoch) // STEP_EPOCHS)
    return ParamScheduler({"lr": lr})


def fine_tune(lr_max: np.ndarray, moms: tuple[float, float, float], recipe: Recipe) -> ParamScheduler:
    """fastai's `fine_tune` as one schedule.

    A one-cycle for the frozen epochs, and one at half of `lr_max` for the others.
    """
    parts = [recipe.freeze_epochs / recipe.total_epochs, recipe.epochs / recipe.total_epochs]
    def one_cycle(lr, pct_start: float, div: float): return combined_cos(pct_start, lr / div, lr, lr / 1e5)
    return ParamScheduler({
        "lr": combine_scheds(parts, [one_cycle(lr_max, 0.99, 25.0), one_cycle(lr_max / 2, 0.3, 5.0)]),
        "mom": combine_scheds(parts, [combined_cos(0.99, *moms), combined_cos(0.3, *moms)])})


class FrozenEncoder(Callback):
    "The encoder, but for its BatchNorms, is frozen for the first `epochs`, as by `Learner.freeze`."

    order = 64  # before Checkpointing puts the optimizer's state back

    def __init__(self, epochs: int, checkpoint: Checkpoint | None = None):
        self.epochs = epochs
        self.frozen = checkpoint is None or (checkpoint.epoch, checkpoint.images) <= (epochs, 0)

    def before_fit(self): self.opt.freeze_to(-1 if self.frozen else 0)

    def before_epoch(self):
        if not self.frozen or self.epoch < self.epochs: return
        self.frozen = False
        self.learn.unfreeze()  # and with an optimizer that remembers nothing, as fastai's `fine_tune` goes on


class EncoderFirst(Callback):
    "ENet's encoder is trained alone for the first `epochs`; what is validated, and kept, is the whole network."

    def __init__(self, epochs: int): self.epochs = epochs

    def before_epoch(self): plain_model(self.model).encoder_only = self.epoch < self.epochs

    def after_fit(self): plain_model(self.model).encoder_only = False
