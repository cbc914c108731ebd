"A fastai `Learner` made from its parts."

import tempfile
from contextlib import contextmanager
from numbers import Real

import fastai.callback.all  # noqa: F401  gives `Learner` its `lr_find`, `fit_one_cycle`, `summary` and more
from fastai.callback.core import Callback, CancelEpochException
from fastai.callback.fp16 import MixedPrecision
from fastai.learner import Learner, Recorder, defaults, replacing_yield
from fastai.optimizer import OptimWrapper
from fastai.torch_core import params
from fastcore.foundation import L
from torch import Tensor, nn
from torch.optim import AdamW, RMSprop

from ..dataloaders.dataloaders import SegmentationDataLoaders
from ..evaluation.metrics import ConfusionCallback, score_metrics
from ..evaluation.tta import FlipTTA
from ..models.autocast import autocast_model, plain_model
from ..models.factory import create_model
from ..recipes import Recipe
from ..runtime.device import Machine
from ..runtime.malloc import malloc_trim
from .finite_loss import FiniteLoss
from .history import SegmentationRecorder
from .loss import segmentation_loss


def linknet_learner(dls: SegmentationDataLoaders, recipe: Recipe = Recipe(), machine: Machine | None = None,
                    **kwargs) -> "SegmentationLearner":
    """A `Learner` with the recipe's model, loss, optimizer and scores.

    Args:
        dls: batches of images and masks.
        recipe: its settings.
        machine: the device of `dls` in its best precision if not given.
        kwargs: more arguments of `Learner`.

    Raises `UserError` for a model that can't be built, or weights that can't be had or don't fit.
    """
    machine = machine or Machine.choose(str(dls.device))
    model = create_model(recipe.model, len(dls.vocab), recipe.encoder, recipe.weights, recipe.upsample)
    loss_func = segmentation_loss(dls.class_frequencies, recipe)
    loss_func.to(machine.device)
    confusion, finite_loss = ConfusionCallback(dls.vocab), FiniteLoss()
    cbs = [*_fastai_callbacks(), SegmentationRecorder(finite_loss), confusion, finite_loss, MallocTrim()]
    if machine.precision == "fp16": cbs.append(GradientScaling())
    return SegmentationLearner(
        dls, autocast_model(model, machine), loss_func,
        opt_func=OPTIMIZERS[recipe.optimizer],
        lr=defaults.lr if recipe.lr == "auto" else discriminative_lr(recipe.lr, recipe),
        wd=recipe.weight_decay,
        splitter=encoder_and_decoder,
        metrics=score_metrics(confusion),
        cbs=cbs, default_cbs=False,  # fastai's own are among them, but for its Recorder
        model_dir=tempfile.gettempdir(),  # `lr_find` parks the weights there
        **kwargs)


def _fastai_callbacks() -> list[Callback]:
    return [callback() for callback in defaults.callbacks if callback is not Recorder]


class TorchOptimizer(OptimWrapper):
    "fastai's wrapper, whose hyperparameters are numbers only: torch's switches among them stop fastai's loggers."

    @property
    def hypers(self) -> list[dict]:
        def is_number(value): return isinstance(value, Real) and not isinstance(value, bool)
        return [{name: value for name, value in group.items() if is_number(value)} for group in super().hypers]


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


def discriminative_lr(lr: float, recipe: Recipe) -> slice:
    "fastai's discriminative learning rates: the encoder's and the decoder's."
    return slice(lr * recipe.encoder_lr, lr)


def encoder_and_decoder(model: nn.Module) -> L:
    "Two parameter groups, for a lower learning rate in the encoder and for `freeze`."
    model = plain_model(model)
    decoder = [child for name, child in model.named_children() if name != "encoder"]
    return L(params(model.encoder), L(decoder).map(params).concat())


class SegmentationLearner(Learner):
    "A `Learner` that can begin at any epoch, and whose test-time augmentation turns its predictions back."

    first_epoch = 0

    def _do_fit(self):
        "fastai's own `start_epoch` goes through the ends of the epochs that it skips, and so records them."
        for self.epoch in range(self.first_epoch, self.n_epoch):  # noqa: B020  as fastai has it
            self._with_events(self._do_epoch, "epoch", CancelEpochException)

    def tta(self, ds_idx: int = 1, dl=None, **kwargs) -> tuple[Tensor, Tensor]:
        "Class probabilities `[N,C,H,W]`, the mean of each image's and its mirror image's, and the masks."
        with contextmanager(replacing_yield)(self, "model", FlipTTA(self.model)): return self.get_preds(ds_idx, dl, **kwargs)


class MallocTrim(Callback):
    "At each epoch's end: what a process keeps for the next step comes apart over many."

    def after_epoch(self): malloc_trim()


class GradientScaling(MixedPrecision):
    "fp16's scaled gradients alone: the autocast is the model's own (`models/autocast.py`)."

    def before_batch(self): pass

    def after_pred(self): pass

    def after_loss(self): pass
