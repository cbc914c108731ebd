"What the learner records of each epoch."

import matplotlib.pyplot as plt
import pytest
from fastai.callback.training import ShortEpochCallback

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.errors import UserError
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.training.learner import linknet_learner

RECIPE = Recipe(encoder="test_resnet", weights="none", batch_size=4, size=(64, 64))


@pytest.fixture
def learn(tiny_dataset):
    machine = Machine.choose("cpu", "fp32")
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(tiny_dataset, RECIPE, "cpu"), RECIPE, machine)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(2)
        yield learn
    plt.close("all")


def test_an_epoch_is_a_row_with_losses_scores_and_lr(learn):
    rows = learn.recorder.rows
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["miou"] == learn.confusion.scores.miou
    assert rows[1]["train_loss"] == learn.recorder.values[1][0] and rows[1]["valid_loss"] == learn.recorder.values[1][1]
    assert rows[1]["lr"] < rows[0]["lr"]  # a one-cycle comes down
    assert learn.recorder.best == max(row["miou"] for row in rows)


def test_metrics_are_plotted_by_epoch(learn):
    learn.recorder.plot_metrics()
    axes = {axis.get_title(): axis for axis in plt.gcf().axes}
    assert list(axes) == ["miou", "class_accuracy", "dice", "pixel_accuracy"]
    assert axes["miou"].lines[0].get_ydata().tolist() == [row[2] for row in learn.recorder.values]


@pytest.mark.parametrize("look", ["validate", "get_preds"])
def test_what_is_plotted_and_recorded_is_that_of_the_training(learn, look):
    expected = [row["miou"] for row in learn.recorder.rows]
    getattr(learn, look)()
    learn.recorder.plot_metrics()
    axes = {axis.get_title(): axis for axis in plt.gcf().axes}
    assert axes["miou"].lines[0].get_ydata().tolist() == expected
    assert axes["pixel_accuracy"].lines[0].get_xdata().tolist() == [1, 2]


def test_a_training_that_is_cut_short_records_its_scores_under_their_names(learn):
    learn.fit(1, cbs=ShortEpochCallback(pct=0.4, short_valid=False))
    row, = learn.recorder.rows
    assert row["miou"] == learn.confusion.scores.miou and "train_loss" not in row


def test_without_the_time_all_scores_are_recorded(learn):
    learn.recorder.add_time = False
    learn.fit(1)
    assert learn.recorder.rows[0]["pixel_accuracy"] == learn.confusion.scores.pixel_accuracy


def test_scores_of_training_batches_are_refused(learn):
    learn.recorder.train_metrics = True
    with pytest.raises(UserError, match="train_metrics"): learn.fit(1)
