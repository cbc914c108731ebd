"A fastai `Learner` made from its parts."

import tempfile

import fastai.callback.all  # noqa: F401  gives `Learner` its `lr_find`, `fit_one_cycle`, `summary` and more
import torch
from fastai.callback.fp16 import MixedPrecision
from fastai.learner import AvgSmoothLoss, Learner
from fastai.optimizer import OptimWrapper
from fastai.torch_core import TensorImage, params
from fastcore.foundation import L
from torch import Tensor, nn
from torch.optim import AdamW, RMSprop

from ..networks.linknet import linknet
from ..networks.precision import Machine, prepare
from .batches import SegmentationDataLoaders
from .evaluation import Evaluation
from .loss import loss_for
from .recipes import Recipe


def linknet_learner(dls: SegmentationDataLoaders, recipe: Recipe = Recipe(), machine: Machine | None = None,
                    **kwargs) -> "SegmentationLearner":
    """A `Learner` with the recipe's LinkNet, loss, optimizer and scores.

    The machine's best precision is chosen if no `machine` is given. More arguments go to `Learner`.
    """
    machine = machine or Machine.choose(str(dls.device))
    model = linknet(len(dls.vocab), recipe.encoder, recipe.weights, recipe.upsample)
    loss = loss_for(dls.class_frequencies, recipe)
    loss.to(machine.device)
    evaluation = Evaluation(dls.vocab)
    learn = SegmentationLearner(
        dls, prepare(model, machine), loss, opt_func=OPTIMIZERS[recipe.optimizer], wd=recipe.weight_decay,
        splitter=encoder_and_decoder, metrics=evaluation.metrics(), cbs=[evaluation],
        model_dir=tempfile.gettempdir(),  # `lr_find` parks the weights there
        **kwargs)
    learn.recorder.smooth_loss = SmoothLossOnDevice()
    if recipe.lr != "auto": learn.lr = rates(recipe.lr, recipe)
    if machine.precision == "fp16": learn.add_cb(GradientScaling())
    return learn


def adamw(groups: L, lr: float | slice) -> OptimWrapper:
    """torch's AdamW in one kernel, with the constants of fastai's own, which steps in Python, parameter by parameter.

    Unlike fastai's it decays biases and BatchNorms too.
    """
    optimizer = OptimWrapper(groups, AdamW, betas=(0.9, 0.99), eps=1e-5, fused=True)
    optimizer.set_hyper("lr", lr)
    return optimizer


def rmsprop(groups: L, lr: float | slice) -> OptimWrapper:
    "torch's RMSprop with the constants of Torch7's, which LinkNet's authors used."
    optimizer = OptimWrapper(groups, RMSprop, alpha=0.99, eps=1e-8)
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
    "A `Learner` whose test-time augmentation turns its predictions back."

    def tta(self, ds_idx: int = 1, dl=None, **kwargs) -> tuple[Tensor, Tensor]:
        """Class probabilities `[N,C,H,W]`, the mean of each picture's and its mirror image's, and the masks.

        fastai's own averages views that show different pixels: sound for one label a picture, not for a mask.
        """
        if dl is None: dl = self.dls[ds_idx].new(shuffle=False, drop_last=False)
        mirrored, _ = self.get_preds(dl=dl.new(after_batch=[*dl.after_batch.fs, mirror_images]), **kwargs)
        probabilities, masks = self.get_preds(dl=dl, **kwargs)
        return (probabilities + mirrored.flip(-1)) / 2, masks


def mirror_images(images: TensorImage):
    return images.flip(-1)


class GradientScaling(MixedPrecision):
    "fp16's scaled gradients alone: the autocast is the model's own (`networks/precision.py`)."

    def before_batch(self): pass

    def after_pred(self): pass

    def after_loss(self): pass


class SmoothLossOnDevice(AvgSmoothLoss):
    "fastai's own copies each loss to the CPU, which waits for the device at every step."

    def accumulate(self, learn):
        self.count += 1
        self.val = torch.lerp(learn.loss.detach().mean(), torch.as_tensor(self.val, device=learn.loss.device), self.beta)
