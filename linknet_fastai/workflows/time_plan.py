"The time that a training takes, or may take: how many epochs, at which size, of how many images."

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import torch

from ..dataloaders.dataloaders import SegmentationDataLoaders, with_size
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..recipes import MOST_EPOCHS, SMALLEST, Recipe
from ..runtime.device import Machine
from ..training.learner import linknet_learner
from ..training.pace import PROMISED, TOLD, Pace, measure_pace
from ..training.trainer import largest_part

# height and width as a part of the images' own, and the fewest epochs that are worth it: with fewer the next size
# reaches a higher mIoU in the same time (benchmarks/README.md, "Minutes")
SIZES = {1.0: 20, 0.7: 12, 0.5: 2}
FEWEST_EPOCHS = 2  # of all images; where not even those fit, some of the images are left out
SEARCHED = 100  # steps of fastai's `lr_find`

Open = Callable[[Recipe], SegmentationDataLoaders]


@dataclass(frozen=True)
class TimePlan:
    """What a training will take.

    `recipe` has its epochs, its size and its number of images, `pace` is how fast they go, `spent` are the seconds that
    reading and measuring took. `notes` say what had to be smaller than it could be.
    """

    recipe: Recipe
    pace: Pace
    spent: float
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        "Of the whole training, with those that are spent already."
        return self.spent + self.pace.seconds(self.recipe.total_epochs)


def plan_time(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, open_dataloaders: Open,
              started: float) -> tuple[TimePlan, SegmentationDataLoaders]:
    """How long `recipe` takes on this machine, or what fits into its `minutes`; and the batches to train on.

    A size that was given stays; one that is the dataset's own may become smaller, and so may the number of images.

    Args:
        dataset: what is trained on.
        recipe: how.
        machine: on what.
        open_dataloaders: makes a recipe's batches.
        started: when all began, by `time.monotonic`.

    Raises `UserError` where nothing fits.
    """
    may_shrink = not recipe.crop and recipe.size in (None, dataset.defaults.get("size"))
    recipe, notes = with_size(recipe, dataset), []
    dls, pace, opening = _open_and_measure(recipe, machine, open_dataloaders)
    if recipe.minutes is not None:
        size = _fitting_size(pace, recipe, started) if may_shrink else recipe.size
        if size != recipe.size:
            notes.append(f"{recipe.minutes:g} minutes are {_epochs(pace, recipe, started)} epochs at "
                         f"{_hxw(recipe.size)}, so training is at {_hxw(size)}")
            recipe = replace(recipe, size=size)
            dls, pace, opening = _open_and_measure(recipe, machine, open_dataloaders)
        epochs = _epochs(pace, recipe, started)
        if epochs < FEWEST_EPOCHS:
            left = _left(recipe, started) - opening  # once more
            recipe = replace(recipe, train_images=_fitting_images(pace, recipe, left, len(dls.train_ds)))
            notes.append(f"{recipe.minutes:g} minutes are less than {FEWEST_EPOCHS} epochs, so training is on "
                         f"{recipe.train_images} of {len(dls.train_ds)} images")
            dls = open_dataloaders(recipe)
            pace, epochs = replace(pace, steps=len(dls.train)), FEWEST_EPOCHS
        if epochs <= recipe.freeze_epochs:
            raise UserError(f"{recipe.minutes:g} minutes are {epochs} epochs, and the encoder is to be frozen for "
                            f"{recipe.freeze_epochs} before others; pass more with `--minutes`, or less with "
                            "`--freeze-epochs`.")
        recipe = replace(recipe, epochs=epochs - recipe.freeze_epochs)
    return TimePlan(recipe, pace, time.monotonic() - started, tuple(notes)), dls


def _open_and_measure(recipe: Recipe, machine: Machine,
                      open_dataloaders: Open) -> tuple[SegmentationDataLoaders, Pace, float]:
    """The recipe's batches, their pace, and the seconds that opening them took.

    They are measured in parts where memory is short, as they will be trained on.
    """
    began = time.monotonic()
    dls = open_dataloaders(recipe)
    measured, opening = dls, time.monotonic() - began
    while True:
        try:
            enough = TOLD if recipe.minutes is None else PROMISED
            pace = measure_pace(linknet_learner(measured, recipe, machine), enough)
            return dls, replace(pace, searched=SEARCHED * (recipe.lr == "auto")), opening
        except torch.OutOfMemoryError:
            part = largest_part(measured.train.bs)
            if not part: raise
            measured = dls.in_batches_of(part)


def _left(recipe: Recipe, started: float) -> float:
    return 60 * recipe.minutes - (time.monotonic() - started)


def _epochs(pace: Pace, recipe: Recipe, started: float) -> int:
    "How many fit into what is left."
    return min(MOST_EPOCHS, max(0, int((_left(recipe, started) - pace.beside) / pace.epoch)))


def _fitting_size(pace: Pace, recipe: Recipe, started: float) -> tuple[int, int]:
    "The largest of `SIZES` at which enough epochs will fit, else the smallest."
    size = recipe.size
    for part, enough in SIZES.items():
        smaller = tuple(round(part * side) for side in recipe.size)
        if min(smaller) < SMALLEST: break
        size = smaller
        if _epochs(pace.scaled(part**2), recipe, started) >= enough: break
    return size


def _fitting_images(pace: Pace, recipe: Recipe, left: float, images: int) -> int:
    "Of how many images so few epochs fit into `left` seconds; `UserError` where it isn't one, or not one batch."
    for_steps = left - pace.beside - FEWEST_EPOCHS * (pace.epoch - pace.steps * pace.step)
    fitting = int(for_steps / FEWEST_EPOCHS / pace.step) * images // pace.steps  # an image may be many crops
    if fitting < 1:
        needed = 60 * recipe.minutes - for_steps + FEWEST_EPOCHS * pace.step * ceil(pace.steps / images)
        raise UserError(f"{recipe.minutes:g} minutes are too short for a training: to read the data, to measure the "
                        f"machine, to train on an image or a batch and to validate takes {needed / 60:.1f}; pass more "
                        "with `--minutes`, or a smaller `--size`.")
    return min(fitting, images)


def _hxw(size: tuple[int, int]) -> str: return "{}x{}".format(*size)
