"The time that a training takes, or may take: how many epochs, at which size, of how many images."

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import torch

from ..dataloaders.dataloaders import SegmentationDataLoaders, with_size
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError, hxw
from ..recipes import MOST_EPOCHS, SMALLEST, Recipe
from ..runtime.device import Machine
from ..training.learner import linknet_learner
from ..training.pace import PROMISED, TOLD, Pace, measure_pace
from ..training.trainer import part_that_may_fit, told_of_parts

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
    found = _measured(with_size(recipe, dataset), machine, open_dataloaders)
    if recipe.minutes is not None:
        if may_shrink: found = _at_fitting_size(found, machine, open_dataloaders, started)
        found = _with_epochs(found, open_dataloaders, started)
    return TimePlan(found.recipe, found.pace, time.monotonic() - started, found.notes), found.dls


@dataclass(frozen=True)
class _Measured:
    "A recipe, its batches, their pace, the seconds that opening them took, and what is to be told."

    recipe: Recipe
    dls: SegmentationDataLoaders
    pace: Pace
    opening: float
    notes: tuple[str, ...] = ()


def _measured(recipe: Recipe, machine: Machine, open_dataloaders: Open) -> _Measured:
    "The recipe's batches and their pace; in parts, as they will be trained on, where memory is short."
    began = time.monotonic()
    dls = open_dataloaders(recipe)
    opening, enough, notes = time.monotonic() - began, TOLD if recipe.minutes is None else PROMISED, ()
    while True:
        learn = linknet_learner(dls, replace(recipe, weights="none"), machine)  # as fast as with those that it names
        try: pace = measure_pace(learn, enough)
        except torch.OutOfMemoryError as error:
            part = part_that_may_fit(recipe, dls.train.bs, error)
            dls, notes = dls.in_batches_of(part), (told_of_parts(recipe, part),)
            learn.release()
        else: return _Measured(recipe, dls, replace(pace, searched=SEARCHED * (recipe.lr == "auto")), opening, notes)


def _at_fitting_size(found: _Measured, machine: Machine, open_dataloaders: Open, started: float) -> _Measured:
    "As found, or anew at a smaller size, where too few epochs fit for this one."
    recipe = found.recipe
    size = _fitting_size(found.pace, recipe, started)
    if size == recipe.size: return found
    note = (f"{recipe.minutes:g} minutes are {_epochs(found.pace, recipe, started)} epochs at {hxw(recipe.size)}, so "
            f"training is at {hxw(size)}")
    smaller = _measured(replace(recipe, size=size), machine, open_dataloaders)
    return replace(smaller, notes=(note, *smaller.notes))


def _with_epochs(found: _Measured, open_dataloaders: Open, started: float) -> _Measured:
    "With as many epochs as fit, or a few of some of the images; `UserError` where not even those do."
    recipe, epochs = found.recipe, _epochs(found.pace, found.recipe, started)
    if epochs < FEWEST_EPOCHS:
        found, epochs = _with_fewer_images(found, open_dataloaders, started), FEWEST_EPOCHS
    if epochs <= recipe.freeze_epochs:
        raise UserError(f"{recipe.minutes:g} minutes are {epochs} epochs, and the encoder is to be frozen for "
                        f"{recipe.freeze_epochs} before others; pass more with `--minutes`, or less with "
                        "`--freeze-epochs`.")
    return replace(found, recipe=replace(found.recipe, epochs=epochs - recipe.freeze_epochs))


def _with_fewer_images(found: _Measured, open_dataloaders: Open, started: float) -> _Measured:
    recipe, all_images = found.recipe, len(found.dls.train_ds)
    left = _left(recipe, started) - found.opening  # once more
    images = _fitting_images(found.pace, recipe, left, all_images)
    note = (f"{recipe.minutes:g} minutes are less than {FEWEST_EPOCHS} epochs, so training is on {images} of "
            f"{all_images} images")
    recipe = replace(recipe, train_images=images)
    dls = open_dataloaders(recipe).in_batches_of(found.dls.train.bs)
    return replace(found, recipe=recipe, dls=dls, pace=replace(found.pace, steps=len(dls.train)),
                   notes=(*found.notes, note))


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
