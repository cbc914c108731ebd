import math

import numpy as np
import pytest
import torch
from fastai.torch_core import TensorMask
from torch import Tensor

from linknet_fastai.datasets.dataset import VOID
from linknet_fastai.training.class_weights import class_frequencies, class_weights
from linknet_fastai.training.loss import weighted_cross_entropy

FREQUENCY = np.array([0.75, 0.25, 0.0])
WEIGHTS = [1 / math.log(1.77), 1 / math.log(1.27), 1 / math.log(1.02)]


def example() -> tuple[Tensor, Tensor]:
    "Logits `[2,3,4,5]`, masks `[2,4,5]` with some void."
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    masks = torch.randint(0, 3, (2, 4, 5), generator=generator)
    masks[0, 1:3, 2:] = VOID
    return logits, masks


def test_frequencies_are_shares_of_the_pixels_that_are_not_void():
    masks = [np.array([[0, 0, 1, VOID]], dtype=np.uint8), np.array([[1, 2], [VOID, VOID]], dtype=np.uint8)]
    assert class_frequencies(masks, 4).tolist() == pytest.approx([0.4, 0.4, 0.2, 0])


def test_frequencies_count_pixels_not_pictures():
    masks = [np.zeros((1, 9), dtype=np.uint8), np.ones((1, 1), dtype=np.uint8)]
    assert class_frequencies(masks, 2).tolist() == pytest.approx([0.9, 0.1])


def test_weights_are_the_paper_s():
    assert class_weights(np.array([0.0, 1.0])).tolist() == pytest.approx([50.498, 1 / math.log(2.02)], rel=1e-4)
    assert class_weights(FREQUENCY).tolist() == pytest.approx(WEIGHTS, rel=1e-4)


def test_two_pixels_by_hand():
    "Probabilities 1/4 and 3/4 for both pixels; the first is of class 0, the second of class 1."
    logits = torch.tensor([0, math.log(3)]).view(1, 2, 1, 1).repeat(1, 1, 1, 2)
    loss = weighted_cross_entropy(FREQUENCY[:2])(logits, torch.tensor([[[0, 1]]]))
    first, second = WEIGHTS[0] * math.log(4), WEIGHTS[1] * math.log(4 / 3)
    assert loss.item() == pytest.approx((first + second) / (WEIGHTS[0] + WEIGHTS[1]), rel=1e-5)


def test_a_batch_is_its_pixels_weighted_mean():
    logits, masks = example()
    total = weight = 0.0
    for picture, row, column in zip(*np.nonzero(masks.numpy() != VOID)):
        true = int(masks[picture, row, column])
        probability = logits[picture, :, row, column].softmax(0)[true].item()
        total, weight = total - WEIGHTS[true] * math.log(probability), weight + WEIGHTS[true]
    assert weighted_cross_entropy(FREQUENCY)(logits, masks).item() == pytest.approx(total / weight, rel=1e-5)


def test_void_changes_neither_loss_nor_gradient():
    logits, masks = example()
    loss = weighted_cross_entropy(FREQUENCY)
    void = (masks == VOID)[:, None].expand_as(logits)
    one, other = logits.clone().requires_grad_(), torch.where(void, 100 * logits.flip(0), logits).requires_grad_()
    values = [loss(x, masks) for x in (one, other)]
    for value in values: value.backward()
    assert values[0].item() == values[1].item()
    assert not one.grad[void].any() and not other.grad[void].any()
    assert one.grad[~void].all() and torch.equal(one.grad[~void], other.grad[~void])


@pytest.mark.parametrize("masks_as", [lambda masks: masks.to(torch.uint8), TensorMask,
                                      lambda masks: TensorMask(masks.to(torch.uint8))], ids=["uint8", "TensorMask", "both"])
def test_takes_masks_as_the_batches_hold_them(masks_as):
    logits, masks = example()
    loss = weighted_cross_entropy(FREQUENCY)
    assert float(loss(logits, masks_as(masks))) == float(loss(logits, masks))


def test_predictions_are_the_likeliest_class():
    "fastai reads these off the loss for `learn.predict` and `learn.show_results`."
    logits, loss = example()[0], weighted_cross_entropy(FREQUENCY)
    assert torch.equal(loss.decodes(logits), logits.argmax(1))
    torch.testing.assert_close(loss.activation(logits), logits.softmax(1))
