"The measurement of a machine: sane numbers, and arithmetic by hand."

import pytest
import torch

from linknet_fastai.models.cost import Cost, cost_of
from linknet_fastai.models.factory import untrained_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.speed import Speed, matrix_peak, measure, settings_of


def test_utilization_by_hand():
    "10 G MACs are 20 GFLOP forward and 60 in training; in 200 ms that is 300 GFLOP/s, three quarters of 400."
    speed = Speed(Cost(1, 10 * 10**9, (352, 480)), (352, 480), (352, 480), 8, training=200.0, prediction=50.0)
    assert speed.utilization(400e9) == pytest.approx(0.75)


def test_a_small_model_is_measured():
    speed = measure(Recipe(encoder="test_resnet", size=(64, 64), batch_size=2), 3, Machine(torch.device("cpu"), "fp32"))
    assert 0 < speed.prediction < speed.training < 60_000


@pytest.mark.slow
def test_the_peak_is_that_of_a_processor():
    assert 1e9 < matrix_peak(Machine(torch.device("cpu"), "fp32")) < 1e15


def test_without_a_run_it_is_camvid_s_size():
    recipe, num_classes, channels = settings_of(None)
    assert (recipe.size, num_classes, channels) == ((360, 480), 11, 3)


def test_each_channel_costs():
    "In the first convolution of `test_resnet` alone: 3x3 to 16 features of 32x32."
    recipe = Recipe(encoder="test_resnet")
    with torch.device("meta"):
        three, five = (cost_of(untrained_model(recipe, 3, channels), (64, 64), channels).macs for channels in (3, 5))
    assert five - three == 2 * 9 * 16 * 32 * 32
