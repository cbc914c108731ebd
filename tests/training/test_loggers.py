"fastai's trackers on a short training; what they wrote is read back."

import os
import re

import pytest
import torch

from linknet_fastai.errors import UserError
from linknet_fastai.runtime.device import Machine
from linknet_fastai.runs.run import Run
from linknet_fastai.training import loggers as module
from linknet_fastai.workflows.fit import fit
from linknet_fastai.recipes import Recipe
from linknet_fastai.training.loggers import check_logger

RECIPE = Recipe(encoder="test_resnet", weights="none", batch_size=4, epochs=2, lr=1e-2, size=(64, 64))
CPU = Machine(torch.device("cpu"), "fp32")


def test_tensorboard_s_events_hold_the_history(tiny_dataset, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    run = fit(tiny_dataset, RECIPE, CPU, tmp_path / "run", logger="tensorboard")
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    scores = [event.value for event in events.Scalars("miou")]
    assert scores == pytest.approx(run.history.miou.tolist(), rel=1e-6)
    assert [event.value for event in events.Scalars("valid_loss")] == pytest.approx(run.history.valid_loss.tolist(), rel=1e-6)
    assert {event.step for event in events.Scalars("train_loss")} == {1, 2, 3, 4}  # two batches an epoch
    assert events.Scalars("lr_1")[-1].value < events.Scalars("lr_1")[1].value


def test_wandb_gets_the_history(tiny_dataset, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    import wandb
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    logged = []
    monkeypatch.setattr(wandb.Run, "log", lambda self, data, *args, **kwargs: logged.append(data))
    run = fit(tiny_dataset, RECIPE, CPU, tmp_path / "run", logger="wandb")
    wandb.finish()
    assert [row["miou"] for row in logged if "miou" in row] == pytest.approx(run.history.miou.tolist())
    assert list((run.path / "wandb").glob("offline-run-*"))


@pytest.mark.parametrize("logger, message", [("mlflow", "logger 'mlflow' is unknown; there are tensorboard, wandb."),
                                               ("wandb", "wandb isn't installed; `pip install 'linknet-fastai[wandb]'`")])
def test_a_tracker_that_isn_t_there_is_refused_before_any_work(logger, message, tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=re.escape(message)): check_logger(logger)
    with pytest.raises(UserError): fit(tiny_dataset, RECIPE, CPU, tmp_path / "run", logger=logger)
    assert not os.path.exists(tmp_path / "run")


def test_a_run_without_a_tracker_has_none(tiny_dataset, tmp_path):
    run = Run.open(fit(tiny_dataset, RECIPE, CPU, tmp_path / "run").path)
    assert not (run.path / "tensorboard").exists() and not (run.path / "wandb").exists()
