"A fastai `Learner` made from its parts."

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import fastai.callback.all  # noqa: F401  gives `Learner` its `lr_find`, `fit_one_cycle`, `summary` and more
import torch
from fastai.callback.core import Callback, CancelEpochException
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import MixHandler
from fastai.callback.preds import MCDropoutCallback
from fastai.learner import Learner, Recorder, defaults, replacing_yield
from fastai.torch_core import set_seed
from fastcore.foundation import L
from fastcore.meta import delegates
from torch import Tensor
from torch.nn.modules.dropout import _DropoutNd

from ..dataloaders.dataloaders import SegmentationDataLoaders
from ..errors import UserError
from ..evaluation.metrics import ConfusionCallback, score_metrics
from ..evaluation.tta import Mirrored
from ..models.autocast import autocast_model, plain_model
from ..models.stats import model_stats
from ..recipes import Recipe
from ..runtime.device import Machine
from ..runtime.malloc import malloc_trim
from .finite_loss import FiniteLoss
from .history import SegmentationRecorder
from .initial_model import initial_model
from .loss import segmentation_loss
from .optimizers import OPTIMIZERS, discriminative_lr, encoder_and_decoder
from .searched_enough import SearchedEnough

_replacing = contextmanager(replacing_yield)  # fastai has the generator alone


def linknet_learner(dls: SegmentationDataLoaders, recipe: Recipe = Recipe(), machine: Machine | None = None,
                    cbs=None, metrics=None, **kwargs) -> "SegmentationLearner":
    """A `Learner` with the recipe's model, loss, optimizer and scores.

    What is drawn at random, from here on, follows from the recipe's seed.

    Args:
        dls: batches of images and masks.
        recipe: its settings.
        machine: the device of `dls` in its best precision if not given.
        cbs: callbacks, beside its own.
        metrics: fastai metrics, behind its own.
        kwargs: arguments of `Learner`, such as `loss_func`, `opt_func`, `lr`, `splitter`, `path`, in the place of its
            own.

    Raises `UserError` for a model that can't be built, weights that can't be had or don't fit, `dls` that normalize for
    another encoder, and callbacks of fastai's that can't work on masks.
    """
    set_seed(recipe.seed)
    dls.restart_shuffle()
    machine = machine or Machine.choose(str(dls.device))
    model = initial_model(recipe, dls.vocab, dls.segmentation_dataset.channels)
    _refuse_other_stats(dls, recipe)
    if recipe.encoder_first: model.add_encoder_head()
    confusion, finite_loss = ConfusionCallback(dls.vocab), FiniteLoss()
    own = dict(
        loss_func=kwargs.pop("loss_func", None) or segmentation_loss(dls.class_counts, dls.vocab, recipe),
        opt_func=OPTIMIZERS[recipe.optimizer],
        lr=defaults.lr if recipe.lr == "auto" else discriminative_lr(recipe.lr, recipe),
        wd=recipe.weight_decay,
        splitter=encoder_and_decoder,
        metrics=[*score_metrics(confusion), *L(metrics)],
        cbs=[*_fastai_callbacks(), SegmentationRecorder(finite_loss), confusion, finite_loss, MallocTrim(), *L(cbs)],
        default_cbs=False)  # fastai's own are among them, but for its Recorder
    if hasattr(own["loss_func"], "to"): own["loss_func"].to(machine.device)
    if machine.precision == "fp16": own["cbs"].append(GradientScaling())
    return SegmentationLearner(dls, autocast_model(model, machine), **own | kwargs)


def _refuse_other_stats(dls: SegmentationDataLoaders, recipe: Recipe):
    expected = model_stats(recipe, dls.segmentation_dataset.channels)
    if dls.stats == expected: return
    raise UserError(f"the dataloaders normalize images by {tuple(dls.stats.mean)} and {tuple(dls.stats.std)}, and the "
                    f"recipe's model takes {expected.mean} and {expected.std}; make both of the same recipe.")


def _fastai_callbacks() -> list[Callback]:
    return [callback() for callback in defaults.callbacks if callback is not Recorder]


class SegmentationLearner(Learner):
    """fastai's, but for what it can't know of masks and of machines without a GPU.

    It can begin at any epoch; its test-time augmentation turns predictions back; `to_bf16` and its like set the model's
    own autocast.
    """

    first_epoch = 0

    @delegates(Learner.fit)
    def fit(self, n_epoch: int, *args, **kwargs):
        "fastai's; a callback that sets `first_epoch` sets it for this fit."
        with _replacing(self, "first_epoch", 0): super().fit(n_epoch, *args, **kwargs)

    def _do_fit(self):
        "fastai's own `start_epoch` goes through the ends of the epochs that it skips, and so records them."
        for self.epoch in range(self.first_epoch, self.n_epoch):  # noqa: B020  as fastai has it
            self._with_events(self._do_epoch, "epoch", CancelEpochException)

    def release(self):
        """Let go of the batch at hand and what was computed of it.

        fastai does so at the end of a fit that ends well, and keeps `loss_grad` even then. After one that fails they
        hold all activations of its last step: the memory that the next attempt needs.
        """
        self._end_cleanup()
        self.loss_grad = None

    def add_cb(self, cb: Callback | type[Callback]) -> "SegmentationLearner":
        "As in fastai; `UserError` for a callback that can't work on masks, or would do nothing."
        kind = cb if isinstance(cb, type) else type(cb)
        if issubclass(kind, MixHandler):
            raise UserError(f"fastai's {kind.__name__} blends one label an image, not masks; use linknet_fastai's "
                            "MixUp or CutMix.")
        if issubclass(kind, MCDropoutCallback) and not any(isinstance(layer, _DropoutNd)
                                                           for layer in self.model.modules()):
            raise UserError("this model has no dropout, so MCDropoutCallback would predict the same each time; leave "
                            "it out.")
        return super().add_cb(cb)

    def lr_find(self, start_lr: float = 1e-7, end_lr: float = 10, num_it: int = 100, *args, **kwargs):
        """fastai's; the weights that it puts back at the end lie in a temporary folder of its own meanwhile.

        `UserError` where the loss fails before there is anything to suggest.
        """
        with (tempfile.TemporaryDirectory() as folder, _replacing(self, "model_dir", folder),
              self.added_cbs(SearchedEnough(num_it))):
            return super().lr_find(start_lr, end_lr, num_it, *args, **kwargs)

    def tta(self, ds_idx: int = 1, dl=None, n: int = 1, item_tfms=None, batch_tfms=None, beta: float | None = 0.5,
            use_max: bool = False) -> tuple[Tensor, Tensor]:
        """Class probabilities `[N,C,H,W]` from each image and its mirror image, turned back, and the masks.

        Args:
            ds_idx: 0 for the training images (not augmented), 1 for the validation images.
            dl: other batches, in the place of `ds_idx`.
            n: of other views than the image itself: 1, its mirror image.
            item_tfms, batch_tfms: fastai's; can't be given, since their predictions can't be turned back.
            beta: how much the image itself counts, 0 to 1; None to get both predictions, the mirror image's first.
            use_max: the higher of both probabilities in the place of their mean.
        """
        if n != 1 or item_tfms is not None or batch_tfms is not None:
            raise UserError("tta predicts from each image and its mirror image, since other views can't be turned back "
                            "to the mask; leave out n, item_tfms and batch_tfms.")
        dl = (self.dls[ds_idx] if dl is None else dl).in_order()
        plain, masks = self.get_preds(dl=dl)
        with _replacing(self, "model", Mirrored(self.model)): mirrored, _ = self.get_preds(dl=dl)
        if beta is None and not use_max: return (mirrored, plain), masks
        blend = torch.maximum if use_max else partial(torch.lerp, weight=beta)
        if isinstance(plain, Tensor): return blend(mirrored, plain), masks
        return L(map(blend, mirrored, plain)), masks  # images of unequal sizes

    def to_bf16(self) -> "SegmentationLearner":
        "From here on convolutions compute in bfloat16; weights, loss and optimizer stay in fp32."
        return self._in_precision("bf16")

    def to_fp32(self) -> "SegmentationLearner":
        "From here on everything is computed in fp32."
        return self._in_precision("fp32")

    def to_fp16(self) -> "SegmentationLearner":
        """From here on convolutions compute in fp16, and gradients are scaled.

        `UserError` where the device is no CUDA GPU.
        """
        return self._in_precision("fp16")

    def _in_precision(self, precision: str) -> "SegmentationLearner":
        machine = self.model.machine
        machine = replace(Machine.choose(str(machine.device), precision), compile=machine.compile)
        self.model = autocast_model(plain_model(self.model), machine)
        self.remove_cb(GradientScaling)
        if precision == "fp16": self.add_cb(GradientScaling())
        return self


class MallocTrim(Callback):
    "At each epoch's end: what a process keeps for the next step comes apart over many."

    def after_epoch(self): malloc_trim()


class GradientScaling(MixedPrecision):
    "fp16's scaled gradients alone: the autocast is the model's own (`models/autocast.py`)."

    def before_batch(self): pass

    def after_pred(self): pass

    def after_loss(self): pass
