"Interpretation of a small model, against the learner's own scores and losses."

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID
from linknet_fastai.recipes import Recipe
from linknet_fastai.reports.interpretation import SegmentationInterpretation
from linknet_fastai.runtime.device import Machine
from linknet_fastai.training.learner import linknet_learner

RECIPE = Recipe(encoder="test_resnet", weights="none", batch_size=4, epochs=2, lr=1e-2, size=(64, 64))


@pytest.fixture
def learn(tiny_dataset):
    torch.manual_seed(0)
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(tiny_dataset, RECIPE, "cpu"), RECIPE,
                            Machine(torch.device("cpu"), "fp32"))
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(2)
        yield learn
    plt.close("all")


@pytest.fixture
def interpretation(learn): return SegmentationInterpretation.from_learner(learn)


def titles() -> list[str]: return [axis.get_title("left") for axis in plt.gcf().axes]


def test_scores_are_the_validation_s(learn, interpretation):
    _, *metrics = learn.validate()
    assert list(interpretation.scores.summary().values()) == pytest.approx(metrics)
    assert interpretation.class_table().iou.mean() == pytest.approx(metrics[0])
    assert interpretation.matrices.shape == (4, 3, 3)


def test_losses_are_each_image_s_cross_entropy(learn, interpretation):
    logits, masks = learn.get_preds(act=lambda logits: logits)
    truth, weight = masks.as_subclass(torch.Tensor).long(), learn.loss_func.func.weight
    expected = F.cross_entropy(logits, truth, weight, ignore_index=VOID, reduction="none").mean((1, 2))
    torch.testing.assert_close(interpretation.losses.as_subclass(torch.Tensor), expected)


def test_training_images_can_be_interpreted_too(learn):
    assert len(SegmentationInterpretation.from_learner(learn, ds_idx=0).matrices) == 8


def test_the_most_confused_classes_come_first(interpretation):
    interpretation.matrices = np.array([[[8, 2, 0], [6, 4, 0], [1, 0, 199]]])
    confused = interpretation.most_confused()
    assert confused.values.tolist() == [["wall", "ground", 6, 0.6], ["ground", "wall", 2, 0.2]]  # 1 of 200 is below 1 %
    assert interpretation.most_confused(min_frequency=0.005)["true"].tolist() == ["wall", "ground", "door"]
    assert interpretation.most_confused(min_val=5)["true"].tolist() == ["wall"]


def test_the_worst_images_come_first(interpretation):
    right, wrong = np.diag([9, 9, 0]), np.array([[0, 9, 0], [9, 0, 0], [0, 0, 0]])
    half = np.array([[9, 0, 0], [9, 0, 0], [0, 0, 9]])
    interpretation.matrices = np.array([right, half, wrong, right])
    worst = interpretation.worst_images(k=3)
    assert worst.index.tolist() == [2, 1, 0] and worst["mIoU"].tolist() == [0, pytest.approx(0.5), 1]
    assert worst["image"].tolist() == ["10.png", "09.png", "08.png"]
    doors = interpretation.worst_images("door")
    assert doors.index.tolist() == [1] and doors["IoU door"].tolist() == [1]  # the only image with one


def test_a_name_that_is_no_class_is_refused_with_the_nearest(interpretation):
    with pytest.raises(UserError, match="'walls'.*ground, wall, door.*mean wall"): interpretation.worst_images("walls")


def test_single_images_are_predicted_again(learn, interpretation):
    probabilities, masks = learn.get_preds()
    images, *found, losses = interpretation[[3, 1]]
    for all_of_them, of_two in zip((probabilities, masks, probabilities.argmax(1)), found, strict=True):
        torch.testing.assert_close(of_two.as_subclass(torch.Tensor), all_of_them[[3, 1]].as_subclass(torch.Tensor))
    assert images.shape == (2, 3, 64, 64) and torch.equal(losses, interpretation.losses[[3, 1]])
    assert len(interpretation[2][0]) == 1


def test_images_are_drawn_with_their_errors(interpretation):
    interpretation.plot_worst_images(k=2)
    worst = interpretation.worst_images(k=2)
    assert titles()[1:4] == ["truth", "prediction", "errors"] and len(titles()) == 8
    assert titles()[0] == f"{worst['image'].iloc[0]}: mIoU {100 * worst['mIoU'].iloc[0]:.1f}"
    interpretation.plot_top_losses(1)
    top = int(interpretation.losses.argmax())
    assert titles()[0] == f"{top + 8:02}.png: loss {interpretation.losses[top]:.3f}"
    interpretation.show_results([3], errors=False)
    assert len(titles()) == 3 and titles()[0].startswith("11.png: mIoU ")
    interpretation.plot_confusion_matrix()
    assert plt.gcf().axes[0].get_xlabel() == "predicted"


def test_the_learner_draws_errors_on_request(learn):
    learn.show_results(max_n=1, errors=True)
    assert titles() == ["image", "truth", "prediction", "errors"]
