"The student report's Dice, by hand."

import pytest
import torch

from linknet_fastai.evaluation.image_dice import ImageDice
from linknet_fastai.images.mask import VOID


def test_it_is_a_mean_over_images_with_void_as_a_class():
    "Truth: two of class 0, one of class 1, one void. Predicted: one of class 0, two of class 1, and class 0 on void."
    dice = ImageDice(3)
    dice.observe(torch.tensor([[0, 1, 1, 0]]), torch.tensor([[0, 0, 1, VOID]], dtype=torch.uint8))
    first = (2 * 1 / (2 + 2) + 2 * 1 / (1 + 2) + 0) / 3  # class 2 is in neither; void is never found
    assert dice.mean == pytest.approx(first)
    dice.observe(torch.tensor([[2, 2]]), torch.tensor([[2, 2]], dtype=torch.uint8))
    assert dice.mean == pytest.approx((first + 1) / 2)  # not of pixels
