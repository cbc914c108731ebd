import numpy as np
import pytest
import torch

from linknet_fastai.evaluation.boundary import Trimap, trimap
from linknet_fastai.images.mask import VOID


def by_hand(mask: np.ndarray, width: int) -> np.ndarray:
    "The definition, pixel by pixel."
    near = np.full_like(mask, VOID)
    for (row, column), value in np.ndenumerate(mask):
        window = mask[max(0, row - width):row + width + 1, max(0, column - width):column + width + 1]
        if value != VOID and len(np.unique(window[window != VOID])) > 1: near[row, column] = value
    return near


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_band_is_that_of_the_definition(width, seed):
    rng = np.random.default_rng(seed)
    mask = np.kron(rng.choice([0, 1, 2, 254, VOID], (4, 5)), np.ones((5, 6))).astype(np.uint8)
    assert (trimap(torch.from_numpy(mask), width).numpy() == by_hand(mask, width)).all()


def test_one_pixel_either_side_of_a_border():
    assert trimap(torch.tensor([[3, 3, 3, 7, 7, 7]]), 1).tolist() == [[VOID, VOID, 3, 7, VOID, VOID]]


def test_void_is_no_class_and_makes_no_border():
    assert (trimap(torch.tensor([[3, 3, VOID, 3]]), 2) == VOID).all()


def test_only_pixels_near_borders_are_counted():
    mask = torch.tensor([[0, 0, 0, 1, 1, 1]])
    predicted = torch.tensor([[1, 0, 1, 1, 1, 0]])  # wrong at both ends, and at one of the two pixels by the border
    boundary = Trimap(1, 2)
    for _ in range(2): boundary.observe(predicted, mask)
    assert boundary.confusion.tolist() == [[0, 2], [0, 2]]
