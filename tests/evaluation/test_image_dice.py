"The student report's Dice, by hand."

import pytest
import torch

from linknet_fastai.evaluation.image_dice import ImageDice
from linknet_fastai.images import VOID


def one_hot(mask: list[list[int]], num_classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(mask), num_classes).permute(2, 0, 1).float()


def test_it_is_a_mean_over_images_with_void_as_a_class():
    "Truth: two of class 0, one of class 1, one void. Predicted: one of class 0, two of class 1, and class 0 on void."
    dice = ImageDice()
    dice.observe(one_hot([[0, 1, 1, 0]], 3), torch.tensor([[0, 0, 1, VOID]], dtype=torch.uint8))
    first = (2 * 1 / (2 + 2) + 2 * 1 / (1 + 2) + 0) / 3  # class 2 is in neither; void is never found
    assert dice.mean == pytest.approx(first)
    dice.observe(one_hot([[2, 2]], 3), torch.tensor([[2, 2]], dtype=torch.uint8))
    assert dice.mean == pytest.approx((first + 1) / 2)  # not of pixels
