"A fastai `Learner` made from its parts."

import tempfile
from contextlib import contextmanager
from numbers import Real

import fastai.callback.all  # noqa: F401  gives `Learner` its `lr_find`, `fit_one_cycle`, `summary` and more
import torch
from fastai.callback.core import Callback, CancelEpochException
from fastai.callback.fp16 import MixedPrecision
from fastai.learner import AvgSmoothLoss, Learner, replacing_yield
from fastai.optimizer import OptimWrapper
from fastai.torch_core import params
from fastcore.foundation import L
from torch import Tensor, nn
from torch.optim import AdamW, RMSprop

from ..networks.build import build_network
from ..networks.memory import give_back_freed_memory
from ..networks.precision import Machine, prepare
from .batches import SegmentationDataLoaders
from .evaluation import Evaluation, Mirrored
from .finite_loss import FiniteLoss
from .loss import loss_for
from .recipes import Recipe


def linknet_learner(dls: SegmentationDataLoaders, recipe: Recipe = Recipe(), machine: Machine | None = None,
                    **kwargs) -> "SegmentationLearner":
    """A `Learner` with the recipe's network, loss, optimizer and scores.

    The machine's best precision is chosen if no `machine` is given. More arguments go to `Learner`.
    """
    machine = machine or Machine.choose(str(dls.device))
    model = build_network(len(dls.vocab), recipe.network, recipe.encoder, recipe.weights, recipe.upsample)
    loss = loss_for(dls.class_frequencies, recipe)
    loss.to(machine.device)
    evaluation = Evaluation(dls.vocab)
    learn = SegmentationLearner(
        dls, prepare(model, machine), loss, opt_func=OPTIMIZERS[recipe.optimizer], wd=recipe.weight_decay,
        splitter=encoder_and_decoder, metrics=evaluation.metrics(), cbs=[evaluation, FiniteLoss(), GivingBackMemory()],
        model_dir=tempfile.gettempdir(),  # `lr_find` parks the weights there
        **kwargs)
    learn.recorder.smooth_loss = SmoothLossOnDevice()
    if recipe.lr != "auto": learn.lr = rates(recipe.lr, recipe)
    if machine.precision == "fp16": learn.add_cb(GradientScaling())
    return learn


class TorchOptimizer(OptimWrapper):
    "fastai's wrapper, whose hyperparameters are numbers only: torch's switches among them stop fastai's trackers."

    @property
    def hypers(self) -> list[dict]:
        def is_number(value): return isinstance(value, Real) and not isinstance(value, bool)
        return [{name: value for name, value in group.items() if is_number(value)} for group in super().hypers]


def untrained(recipe: Recipe, classes: int) -> nn.Module:
    "The recipe's network from scratch."
    return build_network(classes, recipe.network, recipe.encoder, "none", recipe.upsample)


def adamw(groups: L, lr: float | slice) -> OptimWrapper:
    """torch's AdamW in one kernel, with the constants of fastai's own, which steps in Python, parameter by parameter.

    Unlike fastai's it decays biases and BatchNorms too.
    """
    optimizer = TorchOptimizer(groups, AdamW, betas=(0.9, 0.99), eps=1e-5, fused=True)
    optimizer.set_hyper("lr", lr)
    return optimizer


def rmsprop(groups: L, lr: float | slice) -> OptimWrapper:
    "torch's RMSprop with the constants of Torch7's, which LinkNet's authors used."
    optimizer = TorchOptimizer(groups, RMSprop, alpha=0.99, eps=1e-8)
    optimizer.set_hyper("lr", lr)
    return optimizer


OPTIMIZERS = {"adamw": adamw, "rmsprop": rmsprop}


def rates(lr: float, recipe: Recipe) -> slice:
    "fastai's discriminative rates: the encoder's and the decoder's."
    return slice(lr * recipe.encoder_lr, lr)


def encoder_and_decoder(model: nn.Module) -> L:
    "Two parameter groups, for a lower rate in the encoder and for `freeze`."
    decoder = [child for name, child in model.named_children() if name != "encoder"]
    return L(params(model.encoder), L(decoder).map(params).concat())


class SegmentationLearner(Learner):
    "A `Learner` that can begin at any epoch, and whose test-time augmentation turns its predictions back."

    first_epoch = 0

    def _do_fit(self):
        "fastai's own `start_epoch` goes through the ends of the epochs that it skips, and so records them."
        for self.epoch in range(self.first_epoch, self.n_epoch):
            self._with_events(self._do_epoch, "epoch", CancelEpochException)

    def tta(self, ds_idx: int = 1, dl=None, **kwargs) -> tuple[Tensor, Tensor]:
        "Class probabilities `[N,C,H,W]`, the mean of each picture's and its mirror image's, and the masks."
        with contextmanager(replacing_yield)(self, "model", Mirrored(self.model)): return self.get_preds(ds_idx, dl, **kwargs)


class GivingBackMemory(Callback):
    "At each epoch's end: what a process keeps for the next step comes apart over many."

    def after_epoch(self): give_back_freed_memory()


class GradientScaling(MixedPrecision):
    "fp16's scaled gradients alone: the autocast is the model's own (`networks/precision.py`)."

    def before_batch(self): pass

    def after_pred(self): pass

    def after_loss(self): pass


class SmoothLossOnDevice(AvgSmoothLoss):
    "Of the losses that are finite. fastai's own copies each to the CPU, which waits for the device at every step."

    def accumulate(self, learn):
        if learn.finite_loss.in_a_row: return
        self.count += 1
        self.val = torch.lerp(learn.loss.detach().mean(), torch.as_tensor(self.val, device=learn.loss.device), self.beta)
