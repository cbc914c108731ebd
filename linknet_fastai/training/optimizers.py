"torch's optimizers as fastai takes them, and the parts of a model with learning rates of their own."

from functools import partial
from numbers import Real

from fastai.optimizer import OptimWrapper
from fastai.torch_core import params
from fastcore.foundation import L
from torch import Tensor, channels_last, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from ..models.autocast import plain_model
from ..recipes import Recipe


class TorchOptimizer(OptimWrapper):
    """fastai's wrapper, but for what stops its callbacks.

    Hyperparameters are numbers only: torch's switches among them stop fastai's loggers. A learning rate that is set in
    them is that of the optimizer, as `ReduceLROnPlateau` takes for granted. One without momentum has none: a schedule
    would switch it on.
    """

    @property
    def hypers(self) -> list[dict]:
        def is_number(value): return isinstance(value, Real) and not isinstance(value, bool)
        return [Hypers({name: value for name, value in values.items() if is_number(value)}, group)
                for values, group in zip(super().hypers, self.opt.param_groups)]

    def _set_hyper(self, name: str, values):
        if name != "mom" or self.opt.defaults.get("momentum") != 0: super()._set_hyper(name, values)


class Hypers(dict):
    "A parameter group's hyperparameters; the learning rate can be set."

    def __init__(self, values: dict, group: dict):
        super().__init__(values)
        self.group = group

    def __setitem__(self, name: str, value: float):
        if name == "lr": self.group["lr"] = value
        super().__setitem__(name, value)


class ChannelsLastAdamW(AdamW):
    """torch's AdamW, which sees channels-last weights in the order in which they lie in memory.

    The same steps; torch's fused one copies each such gradient twice, which takes longer than the step, and takes one
    that lies otherwise for another's. Autograd's lie as their weights do.
    """

    def _init_group(self, group: dict, weights: list[Tensor], gradients: list[Tensor], means: list[Tensor],
                    squares: list[Tensor], *others) -> bool:
        has_complex = super()._init_group(group, weights, gradients, means, squares, *others)
        last = [at for at, weight in enumerate(weights)
                if weight.dim() == 4 and weight.is_contiguous(memory_format=channels_last)]
        for tensors in (weights, gradients, means, squares):
            for at in last: tensors[at] = tensors[at].permute(0, 2, 3, 1)
        gradients[:] = [gradient.contiguous() for gradient in gradients]  # somebody's own
        return has_complex


def torch_optimizer(groups: L, lr: float | slice, kind: type[Optimizer], **constants) -> OptimWrapper:
    "An optimizer of torch's for `groups` of parameters, with their learning rates."
    optimizer = TorchOptimizer(groups, kind, **constants)
    optimizer.set_hyper("lr", lr)
    return optimizer


OPTIMIZERS = {
    # the constants of fastai's own, which steps in Python, parameter by parameter; unlike it this one decays biases and
    # BatchNorms too
    "adamw": partial(torch_optimizer, kind=ChannelsLastAdamW, betas=(0.9, 0.99), eps=1e-5, fused=True),
    # the constants of Torch7's, which LinkNet's authors used
    "rmsprop": partial(torch_optimizer, kind=RMSprop, alpha=0.99, eps=1e-8),
    # the constants of its paper, and a decay that is part of the gradient, as ENet's authors used it
    "adam": partial(torch_optimizer, kind=Adam, fused=True),
    # as SegNet's authors used it
    "sgd": partial(torch_optimizer, kind=SGD, momentum=0.9, fused=True)}


def discriminative_lr(lr: float, recipe: Recipe) -> slice | float:
    "fastai's discriminative learning rates, the encoder's and the decoder's; one number where they are the same."
    return lr if recipe.encoder_lr == 1 else slice(lr * recipe.encoder_lr, lr)


def encoder_and_decoder(model: nn.Module) -> L:
    "Two parameter groups, for a lower learning rate in the encoder and for `freeze`."
    model = plain_model(model)
    decoder = [child for name, child in model.named_children() if name != "encoder"]
    return L(params(model.encoder), L(decoder).map(params).concat())
