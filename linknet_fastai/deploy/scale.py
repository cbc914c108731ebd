"Whether an image is of another scale than those that a model was trained on."

from math import prod, sqrt

from ..errors import hxw
from ..images.tiling import SMALLEST
from ..runs.card import ModelCard

MOST = 2.0  # times as high and wide


def other_scale(size: tuple[int, int], card: ModelCard, is_tiled: bool) -> str:
    """What is to be said of an image of `size` (height, width), and what helps; empty where nothing is.

    A model of whole images brings each image to the number of pixels that it predicts at: one more than twice as
    high and wide as the training images loses what is small, one less than half as high and wide is blown up. By tiles
    an image is seen as it is; one much smaller than the crops that a model was trained on shows it little.
    """
    name = f"an image of {hxw(size)}"
    if is_tiled:
        if card.crop is None or zoom(size, card.crop) >= 1 / MOST: return ""
        return (f"{name} is less than half as high and wide as the crops that the model was trained on "
                f"({hxw(card.size)}); pass images of as many pixels a meter as in training, not cut up")
    usual = card.image_size or card.size
    times = zoom(size, usual)
    if 1 / MOST <= times <= MOST: return ""
    what = "shrunk, so what is small in it is lost" if times > 1 else "blown up"
    tile = [max(side, SMALLEST) for side in card.size]
    return (f"{name} is {times:.2g} times as high and wide as the training images ({hxw(usual)}) and is "
            f"{what}; `--tile {hxw(tile)}` predicts at its own resolution")


def zoom(size: tuple[int, int], other: tuple[int, int]) -> float:
    "How many times as high and wide as `other`, by area."
    return sqrt(prod(size) / prod(other))
