"The `Learner`: what a notebook does with it."

import re
from dataclasses import replace
from itertools import count

import matplotlib.pyplot as plt
import pytest
import torch
from fastai.callback.core import Callback
from fastai.callback.schedule import minimum, steep, valley
from memory_layout import SameLayout

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.errors import UserError
from linknet_fastai.models.autocast import plain_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.training.learner import linknet_learner
from linknet_fastai.training.optimizers import OPTIMIZERS, discriminative_lr

RECIPE = Recipe(encoder="test_resnet", weights="none", batch_size=4, lr=1e-2, encoder_lr=0.25)


@pytest.fixture
def learn(tiny_dataset):
    torch.manual_seed(0)
    dls = SegmentationDataLoaders.from_dataset(tiny_dataset, RECIPE, "cpu")
    learn = linknet_learner(dls, RECIPE, Machine.choose("cpu", "fp32"))
    with learn.no_bar(), learn.no_logging(): yield learn
    plt.close("all")


def trainable(group) -> list[bool]:
    return [parameter.requires_grad for parameter in group]


def test_the_loss_falls_and_the_score_rises(learn):
    before, miou, *_ = learn.validate()
    learn.fit_one_cycle(8)
    after, better, *_ = learn.validate()
    assert after < before and better > miou + 0.05


@pytest.mark.parametrize("changes", [dict(), dict(upsample="deconv"), dict(model="enet")], ids=str)
def test_gradients_lie_in_memory_as_their_parameters_do(tiny_dataset, changes):
    recipe, same = Recipe(weights="none", size=(64, 64), **changes), SameLayout()
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(tiny_dataset, recipe), recipe)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-3, cbs=same)
    assert same.checked > 100


def test_metrics_are_named_and_read_off_one_matrix(learn):
    values = learn.validate()
    assert [metric.name for metric in learn.metrics] == ["miou", "class_accuracy", "dice", "pixel_accuracy"]
    assert list(values)[1:] == list(learn.confusion.scores.summary().values())


def test_the_encoder_has_its_own_lr(learn):
    learn.fit(1)
    assert [group["lr"] for group in learn.opt.hypers] == [0.0025, 0.01]


def test_the_lowest_lr_of_an_encoder_is_not_taken_for_none():
    lowest = replace(RECIPE, encoder_lr=1e-12)
    groups = [[torch.zeros(1, requires_grad=True)] for _ in range(2)]
    optimizer = OPTIMIZERS["adamw"](groups, discriminative_lr(1e-12, lowest))
    assert [group["lr"] for group in optimizer.hypers] == pytest.approx([1e-24, 1e-12], rel=1e-6)


def test_freeze_holds_the_encoder_but_for_its_batchnorm(learn):
    encoder = plain_model(learn.model).encoder
    before = {name: value.clone() for name, value in encoder.named_parameters()}
    learn.freeze()
    learn.fit(1)
    moved = [name for name, value in encoder.named_parameters() if not torch.equal(value, before[name])]
    assert moved and all(before[name].ndim == 1 for name in moved)  # fastai trains frozen BatchNorms
    learn.unfreeze()
    assert all(trainable(learn.model.parameters()))


def test_dataloaders_for_another_encoder_are_refused(learn):
    "timm's tiny encoder takes images in -1..1."
    other = replace(RECIPE, encoder="resnet18")
    with pytest.raises(UserError, match=r"0\.5, 0\.5.*0\.485.*same recipe"): linknet_learner(learn.dls, other)


class BeginAt(Callback):
    "As a checkpoint does."

    def __init__(self, epoch: int): self.at = epoch

    def before_fit(self): self.learn.first_epoch = self.at


class FailAt(BeginAt):
    def before_train(self): raise ValueError("the machine is gone")


def test_a_fit_that_begins_later_leaves_the_next_to_begin_at_the_start(learn):
    learn.fit(2, cbs=BeginAt(1))
    assert [row["epoch"] for row in learn.recorder.rows] == [2]
    with pytest.raises(ValueError, match="gone"): learn.fit(2, cbs=FailAt(1))
    learn.fit(2)
    assert [row["epoch"] for row in learn.recorder.rows] == [1, 2]


def test_fine_tune_runs(learn):
    learn.fine_tune(1, freeze_epochs=1)
    assert len(learn.recorder.values) == 1


def test_lr_find_suggests_and_puts_the_weights_back(learn):
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    assert 1e-7 < learn.lr_find(num_it=30).valley < 10
    for name, value in learn.model.state_dict().items(): assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("steps, worst", [(0, float("nan")), (16, float("nan")), (3, 1e9)])
def test_an_lr_search_that_ends_before_anything_can_be_suggested_is_one_message(learn, steps, worst):
    "Of 100 steps fastai leaves out the first 10 and the last 5, and needs 2 for a slope."
    usual, calls, weight = learn.loss_func, count(), next(learn.model.parameters())
    before = weight.clone()
    learn.loss_func = lambda *batch: usual(*batch) * (1 if next(calls) < steps else worst)
    with pytest.raises(UserError) as raised: learn.lr_find(suggest_funcs=(valley, steep, minimum))
    assert re.search(r"\d\d\.png: .*--lr", str(raised.value))
    assert torch.equal(weight, before)


def test_an_lr_search_of_17_steps_suggests(learn):
    usual, calls = learn.loss_func, count()
    learn.loss_func = lambda *batch: usual(*batch) * (1 if next(calls) < 17 else float("nan"))
    assert learn.lr_find(suggest_funcs=(valley, steep, minimum)).steep > 0


def test_tta_of_mirrored_images_is_mirrored(learn):
    "Test-time augmentation can't tell an image from its mirror image: unlike the model itself."
    probabilities, _ = learn.tta()
    dl = learn.dls.valid
    for sample in dl.items: sample.image.copy_(sample.image.flip(-1).clone())
    mirrored, _ = learn.tta()
    assert torch.allclose(probabilities, mirrored.flip(-1), atol=1e-5)
    assert not torch.allclose(learn.get_preds()[0], probabilities.flip(-1), atol=1e-3)


def test_images_are_shown_in_the_palette_with_a_legend(learn):
    learn.show_results(max_n=2)
    figure = plt.gcf()
    assert {text.get_text() for text in figure.legends[0].get_texts()} <= {"ground", "wall", "door", "void"}
    assert [axis.get_title(loc="left") for axis in figure.axes] == 2 * ["image", "truth", "prediction"]
    learn.dls.show_batch(max_n=2)
    assert [axis.get_title(loc="left") for axis in plt.gcf().axes] == 2 * ["image", "truth"]


def test_an_image_file_is_predicted(learn, tiny_dataset):
    path = tiny_dataset.split("val").image.iloc[0]
    learn.model.eval()
    mask, _, probabilities = learn.predict(path)
    expected, _ = learn.get_preds()
    assert torch.allclose(probabilities, expected[0], atol=1e-5)
    assert torch.equal(torch.as_tensor(mask), expected[0].argmax(0))
