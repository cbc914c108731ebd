"The loss, worked out by hand."

import math

import numpy as np
import pytest
import torch
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_core import TensorMask
from torch import Tensor

from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID
from linknet_fastai.recipes import Recipe
from linknet_fastai.training.loss import SegmentationLoss, every_fourth_pixel, segmentation_loss, soft_dice_loss

CLASSES = ("ground", "wall", "door")
FREQUENCY = np.array([0.75, 0.25, 0.0])
WEIGHTS = [1 / math.log(1.77), 1 / math.log(1.27), 1 / math.log(1.02)]


def cross_entropy(frequency: np.ndarray) -> SegmentationLoss:
    "As published."
    return segmentation_loss(frequency[None], CLASSES[:len(frequency)], Recipe(class_weight_power=1.0, dice_weight=0.0))


def example() -> tuple[Tensor, Tensor]:
    "Logits `[2,3,4,5]`, masks `[2,4,5]` with some void."
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    masks = torch.randint(0, 3, (2, 4, 5), generator=generator)
    masks[0, 1:3, 2:] = VOID
    return logits, masks


def test_two_pixels_by_hand():
    "Probabilities 1/4 and 3/4 for both pixels; the first is of class 0, the second of class 1."
    logits = torch.tensor([0, math.log(3)]).view(1, 2, 1, 1).repeat(1, 1, 1, 2)
    loss = cross_entropy(FREQUENCY[:2])(logits, torch.tensor([[[0, 1]]]))
    first, second = WEIGHTS[0] * math.log(4), WEIGHTS[1] * math.log(4 / 3)
    assert loss.item() == pytest.approx((first + second) / (WEIGHTS[0] + WEIGHTS[1]), rel=1e-5)


def test_a_batch_is_its_pixels_weighted_mean():
    logits, masks = example()
    total = weight = 0.0
    for image, row, column in zip(*np.nonzero(masks.numpy() != VOID)):
        true = int(masks[image, row, column])
        probability = logits[image, :, row, column].softmax(0)[true].item()
        total, weight = total - WEIGHTS[true] * math.log(probability), weight + WEIGHTS[true]
    assert cross_entropy(FREQUENCY)(logits, masks).item() == pytest.approx(total / weight, rel=1e-5)


def test_void_changes_neither_loss_nor_gradient():
    logits, masks = example()
    loss = cross_entropy(FREQUENCY)
    void = (masks == VOID)[:, None].expand_as(logits)
    one, other = logits.clone().requires_grad_(), torch.where(void, 100 * logits.flip(0), logits).requires_grad_()
    values = [loss(x, masks) for x in (one, other)]
    for value in values: value.backward()
    assert values[0].item() == values[1].item()
    assert not one.grad[void].any() and not other.grad[void].any()
    assert one.grad[~void].all() and torch.equal(one.grad[~void], other.grad[~void])


@pytest.mark.parametrize(
    "masks_as", [lambda masks: masks.to(torch.uint8), TensorMask, lambda masks: TensorMask(masks.to(torch.uint8))],
    ids=["uint8", "TensorMask", "both"])
def test_takes_masks_as_the_batches_hold_them(masks_as):
    logits, masks = example()
    loss = cross_entropy(FREQUENCY)
    assert float(loss(logits, masks_as(masks))) == float(loss(logits, masks))


def test_predictions_are_the_likeliest_class():
    "fastai reads these off the loss for `learn.predict` and `learn.show_results`."
    logits, loss = example()[0], cross_entropy(FREQUENCY)
    assert torch.equal(loss.decodes(logits), logits.argmax(1))
    torch.testing.assert_close(loss.activation(logits), logits.softmax(1))


def test_the_cross_entropy_is_fastai_s_and_so_is_its_gradient():
    logits, masks = example()
    weight = torch.tensor(WEIGHTS, dtype=torch.float)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    one = SegmentationLoss(weight)(ours, masks)
    other = CrossEntropyLossFlat(axis=1, weight=weight, ignore_index=VOID)(theirs, masks)
    one.backward(), other.backward()
    assert one.item() == pytest.approx(other.item(), rel=1e-6)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_class_weight_power_is_a_power_of_the_published_weights():
    for power in (0.0, 0.5, 1.0):
        weight = segmentation_loss(FREQUENCY[None], CLASSES, Recipe(class_weight_power=power)).func.weight
        assert weight.tolist() == pytest.approx([w ** power for w in WEIGHTS], rel=1e-4)


def test_dice_by_hand():
    "One row of pixels: two of class 0, one of class 1, one void; class 2 is absent."
    probabilities = torch.tensor([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.0, 0.0, 1.0]])
    log_probabilities = probabilities.T[None, :, None].log()
    first = 1 - (2 * (0.5 + 0.8) + 1) / ((0.5 + 0.8 + 0.2) + 2 + 1)
    second = 1 - (2 * 0.7 + 1) / ((0.25 + 0.1 + 0.7) + 1 + 1)
    loss = soft_dice_loss(log_probabilities, torch.tensor([[[0, 0, 1, VOID]]]))
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_dice_of_certain_and_right_predictions_is_zero():
    _, masks = example()
    certain = torch.nn.functional.one_hot(torch.where(masks == VOID, 0, masks), 3).permute(0, 3, 1, 2).float().log()
    assert soft_dice_loss(certain, masks).item() == pytest.approx(0, abs=1e-6)


def test_dice_of_void_alone_is_zero():
    assert soft_dice_loss(example()[0].log_softmax(1), torch.full((2, 4, 5), VOID)).item() == 0


def test_both_losses_add_up():
    logits, masks = (part.repeat_interleave(2, -2).repeat_interleave(2, -1) for part in example())  # equal in each 2x2
    both = segmentation_loss(FREQUENCY[None], CLASSES, Recipe(class_weight_power=1.0, dice_weight=0.5))(logits, masks)
    dice = soft_dice_loss(*example_of_log_probabilities())
    assert both.item() == pytest.approx(cross_entropy(FREQUENCY)(logits, masks).item() + 0.5 * dice.item(), rel=1e-6)


def test_dice_sees_each_pixel_in_its_turn():
    log_probabilities, masks = example_of_log_probabilities()
    seen = {tuple(every_fourth_pixel(log_probabilities, masks)[1].flatten().tolist()) for _ in range(50)}
    assert seen == {tuple(masks[:, row::2, column::2].flatten().tolist()) for row in (0, 1) for column in (0, 1)}


def example_of_log_probabilities() -> tuple[Tensor, Tensor]:
    logits, masks = example()
    return logits.log_softmax(1), masks


def test_a_batch_of_void_alone_has_no_loss_and_no_gradient():
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    loss = SegmentationLoss(torch.ones(3), dice_weight=1.0)(logits, torch.full((2, 8, 8), VOID))
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


def test_pixels_of_classes_without_weight_alone_have_no_loss_and_no_gradient():
    "Nor has one next to 0, whose inverse is infinite."
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    masks = torch.tensor([0, 1, VOID, 1]).repeat(2, 8, 2)
    loss = SegmentationLoss(torch.tensor([0, 1e-40, 1]))(logits, masks)
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


def test_a_class_without_weight_is_left_out_of_the_mean_but_not_of_dice():
    "Probabilities 1/4 and 3/4 for all pixels; 16 are of class 0, which has no weight, 8 of class 1, 8 of class 2."
    logits = torch.tensor([0, math.log(3), -math.inf]).view(1, 3, 1, 1).repeat(1, 1, 4, 8)
    masks = torch.tensor([0, 0, 1, 1]).repeat_interleave(2).repeat(1, 4, 1)
    loss = SegmentationLoss(torch.tensor([0.0, 2.0, 1.0]))(logits, masks)
    assert loss.item() == pytest.approx(math.log(4 / 3), rel=1e-6)
    both = SegmentationLoss(torch.tensor([0.0, 2.0, 1.0]), dice_weight=1.0)(logits, masks)
    first, second = 1 - (2 * 4 / 4 + 1) / (8 / 4 + 4 + 1), 1 - (2 * 4 * 3 / 4 + 1) / (8 * 3 / 4 + 4 + 1)  # of 8 pixels
    assert both.item() == pytest.approx(math.log(4 / 3) + (first + second) / 2, rel=1e-6)


@pytest.mark.parametrize("weights", [{"ground": 0, "wall": 0, "door": 0}, {"ground": 0, "wall": 0},
                                     {"ground": 1e-50, "wall": 0}], ids=str)
def test_weights_of_0_for_all_classes_that_are_there_are_refused(weights):
    "The door is in no mask."
    with pytest.raises(UserError, match="--class-weights"):
        segmentation_loss(100 * FREQUENCY[None], CLASSES, Recipe(class_weights=weights))
    assert segmentation_loss(100 * FREQUENCY[None], CLASSES, Recipe(class_weights={"ground": 0}))
