"How fast a machine trains and predicts."

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..dataloaders.augment import whole_strides
from ..datasets.camvid import CLASSES
from ..models.autocast import autocast_model
from ..models.cost import Cost, cost_of
from ..models.factory import untrained_model
from ..recipes import Recipe
from ..runs.run import Run
from ..runtime.device import Machine
from ..runtime.timing import median_milliseconds
from ..training.loss import segmentation_loss
from ..training.optimizers import OPTIMIZERS, discriminative_lr, encoder_and_decoder

ROUNDS = 7
MATRIX = 2048  # side of the product that is taken for the machine's peak
BACKWARD = 2  # a backward pass costs about two forward passes


@dataclass(frozen=True)
class Speed:
    """What was measured: milliseconds an image, medians of 7 rounds.

    `training` is a training step at `size` (height, width) in batches of `batch_size`, `prediction` that of single
    images of `test_size`. `cost` is the model's at `size`.
    """

    cost: Cost
    size: tuple[int, int]
    test_size: tuple[int, int]
    batch_size: int
    training: float
    prediction: float

    def utilization(self, peak: float) -> float:
        "The training step's FLOP/s as a fraction of `peak`, the machine's (`matrix_peak`)."
        flops = 2 * (1 + BACKWARD) * self.cost.macs
        return flops / (self.training / 1000) / peak


def settings_of(path: Path | None) -> tuple[Recipe, int, int]:
    "Recipe, numbers of classes and of channels of the run at `path`; without one, `rapid` as for CamVid, at its size."
    if path is None: return replace(Recipe(), size=(360, 480)), len(CLASSES), 3
    run = Run.open(path)
    card = run.card
    return run.recipe, len(card.classes), card.channels


def measure(recipe: Recipe, num_classes: int, machine: Machine, channels: int = 3) -> Speed:
    "Time the recipe's model of `num_classes` on random images of `channels`; its `size` or `crop` must be given."
    size, test_size = whole_strides(recipe.input_size), whole_strides(recipe.test_size)
    with torch.device("meta"): cost = cost_of(untrained_model(recipe, num_classes, channels), size, channels)
    model = autocast_model(untrained_model(recipe, num_classes, channels), machine)
    images = torch.randn(recipe.batch_size, channels, *size, device=machine.device)
    masks = torch.randint(0, num_classes, (recipe.batch_size, *size), device=machine.device)
    step = training_step(model, images, masks, recipe, num_classes, machine)
    training = _milliseconds(step, machine) / recipe.batch_size
    model.eval()
    image = torch.randn(1, channels, *test_size, device=machine.device)
    with torch.inference_mode(): prediction = _milliseconds(lambda: model(image), machine)
    return Speed(cost, size, test_size, recipe.batch_size, training, prediction)


def training_step(model, images, masks, recipe: Recipe, num_classes: int, machine: Machine) -> Callable[[], None]:
    """A function that makes one step of the recipe on a batch: forward, loss, backward, optimizer.

    Args:
        model: images to logits; trained by each call.
        images: `[B,C,H,W]`.
        masks: `[B,H,W]`, int64.
        recipe: loss and optimizer.
        num_classes: the model's.
        machine: where all of these are.
    """
    classes = tuple(map(str, range(num_classes)))
    loss_func = segmentation_loss(np.ones((1, num_classes)), classes, replace(recipe, class_weights=None))
    loss_func.to(machine.device)
    optimizer = OPTIMIZERS[recipe.optimizer](encoder_and_decoder(model), discriminative_lr(1e-4, recipe))
    model.train()

    def step():
        loss_func(model(images), masks).backward()
        optimizer.step()
        optimizer.zero_grad()
    return step


def matrix_peak(machine: Machine) -> float:
    "FLOP/s of a large matrix product in the machine's precision: the most that a model could reach."
    left, right = torch.randn(2, MATRIX, MATRIX, device=machine.device, dtype=machine.dtype)
    return 1000 * 2 * MATRIX**3 / _milliseconds(lambda: left @ right, machine)


def _milliseconds(work: Callable, machine: Machine) -> float:
    def finished():
        work()
        if machine.device.type == "cuda": torch.cuda.synchronize(machine.device)
    return median_milliseconds([finished], ROUNDS)[0]
