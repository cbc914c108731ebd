"What images are normalized by: the mean and deviation that an encoder's weights were trained with."

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import timm
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from ..errors import UserError
from ..recipes import Recipe
from .encoder import timm_name
from .segnet import VGG


class Stats(NamedTuple):
    "The `mean` and `std` of each channel of images in 0..1."

    mean: tuple[float, ...]
    std: tuple[float, ...]


def model_stats(recipe: Recipe, channels: int = 3) -> Stats:
    """timm's own for the encoder of the recipe's model; ImageNet's for ENet, which has none.

    For other numbers of `channels` they are laid out as timm lays out the first layer's weights.
    """
    mean, std = IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
    if recipe.model != "enet":
        timms = timm.get_pretrained_cfg(VGG if recipe.model == "segnet" else timm_name(recipe.encoder))
        if timms and timms.mean: mean, std = timms.mean, timms.std
    return Stats(_by_channel(mean, channels), _by_channel(std, channels))


def refuse_other_stats(path: Path, mean: Sequence[float], std: Sequence[float], recipe: Recipe):
    "`UserError` where the run at `path` has ImageNet's `mean` and `std`, as earlier versions had for every encoder."
    expected = model_stats(recipe, len(mean))
    if (tuple(mean), tuple(std)) == expected: return
    raise UserError(f"{path}: was trained on images normalized by {tuple(mean)} and {tuple(std)}, and {recipe.encoder} "
                    f"takes {expected.mean} and {expected.std} now; predict and export it as it is, or train "
                    "anew.")


def _by_channel(rgb: Sequence[float], channels: int) -> tuple[float, ...]:
    if channels == 1: return (round(sum(rgb) / 3, 3),)
    return tuple(rgb[channel % 3] for channel in range(channels))
