"Training on a GPU: number formats, stop and go on, memory, layout."

import pandas as pd
import pytest
import torch
from command_line import TINY, succeed
from fastai.callback.core import Callback
from short_training import RECIPE, At, NoBar, history

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import Note
from linknet_fastai.models.autocast import plain_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.resume import ResumeOptions, resume

NEAR = dict(rtol=0.02, atol=0.01)  # sums on a GPU are taken in another order each time, which trainings amplify


class Lost(Exception):
    "The machine is gone."


def lose(): raise Lost("between two epochs")  # fastai rewrites the words of what a callback raises


def trained(data, out, machine, cbs=(), recipe=RECIPE) -> Run:
    return fit(folder(data), recipe, machine, FitOptions(out, cbs=tuple(cbs), progress_bar=NoBar()))


def test_the_command_line_trains_on_the_gpu_by_itself(data, tmp_path):
    printed = succeed("fit", "folder", "--data", data, *TINY, "--epochs", 1, "--out", tmp_path / "run")
    assert "cuda (" in printed and "mIoU" in printed
    assert Run.open(tmp_path / "run").config.machine["device"] == "cuda"


def test_a_run_learns_in_every_number_format(data, tmp_path, machine):
    losses = trained(data, tmp_path / "run", machine, recipe=Recipe(**vars(RECIPE) | {"epochs": 8})).history.train_loss
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_run_that_was_lost_goes_on_nearly_as_if_it_had_not_been(data, tmp_path, machine, epoch):
    """Not bit for bit: `grid_sample`'s, `index_add`'s and cuDNN's sums have no fixed order on a GPU.

    What is restored exactly, the schedule and the scale of fp16's gradients, is compared exactly.
    """
    whole = trained(data, tmp_path / "whole", machine)
    with pytest.raises(Lost): trained(data, tmp_path / "lost", machine, [At(epoch, lose)])
    again = resume(tmp_path / "lost", machine, ResumeOptions(progress_bar=NoBar()))
    ours, theirs = history(again.path), history(whole.path)
    assert ours.lr.tolist() == theirs.lr.tolist()
    pd.testing.assert_series_equal(ours.train_loss, theirs.train_loss, **NEAR)
    ours, theirs = (run.checkpoints.read().progress for run in (again, whole))
    assert ours["steps"] == theirs["steps"] and ours["scaler"] == theirs["scaler"]
    assert (ours["scaler"] is not None) == (machine.precision == "fp16")


class Layout(Callback):
    "Notes where tensors are and how they lie."

    def after_pred(self):
        weight = next(value for value in plain_model(self.model).parameters() if value.dim() == 4 and min(
            value.shape[2:]) > 1 and value.shape[1] > 1)
        self.is_channels_last = weight.is_contiguous(memory_format=torch.channels_last)
        self.devices = {self.x.device.type, self.y.device.type, weight.device.type, self.pred.device.type}


def test_everything_is_on_the_device_and_channels_last(data, tmp_path, machine):
    layout = Layout()
    trained(data, tmp_path / "run", machine, [layout])
    assert layout.devices == {"cuda"} and layout.is_channels_last


class Full(Callback):
    "The first batch of more than two images asks for more memory than any GPU has."

    def before_batch(self):
        if self.training and len(self.xb[0]) > 2: torch.empty(1 << 45, dtype=torch.uint8, device=self.x.device)


def test_where_memory_is_short_batches_are_computed_in_parts(data, tmp_path, machine):
    with pytest.warns(Note, match="batches of 4 .* parts of 2"):
        run = trained(data, tmp_path / "run", machine, [Full()])
    assert run.is_scored and run.checkpoints.read().batch_size == 2


def test_a_compiled_model_trains_as_one_that_is_not(data, tmp_path):
    plain, compiled = (trained(data, tmp_path / str(compile), Machine.choose("cuda", "fp32", compile)).history
                       for compile in (False, True))
    pd.testing.assert_series_equal(plain.train_loss, compiled.train_loss, **NEAR)
