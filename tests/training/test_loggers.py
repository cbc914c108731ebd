"fastai's loggers on a short training; what they wrote is read back."

import re

import pytest
import torch

from linknet_fastai.errors import UserError
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run, refuse_taken
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.fit import FitOptions, fit, job_for
from linknet_fastai.workflows.resume import ResumeOptions

RECIPE = Recipe(encoder="test_resnet", weights="none", batch_size=4, epochs=2, lr=1e-2, size=(64, 64))
CPU = Machine(torch.device("cpu"), "fp32")


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_tensorboard_s_events_hold_the_history(tiny_dataset, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    run = fit(tiny_dataset, RECIPE, CPU, FitOptions(tmp_path / "run", logger="tensorboard"))
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    for name in ("miou", "valid_loss"):
        values = [event.value for event in events.Scalars(name)]
        assert values == pytest.approx(run.history[name].tolist(), rel=1e-6)
    assert {event.step for event in events.Scalars("train_loss")} == {1, 2, 3, 4}  # two batches an epoch
    assert events.Scalars("lr_1")[-1].value < events.Scalars("lr_1")[1].value


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_wandb_gets_the_history(tiny_dataset, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    import wandb
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    logged, configs = [], []
    def log(self, data, *args, **kwargs):
        logged.append(data)
        configs.append(dict(self.config))
    monkeypatch.setattr(wandb.Run, "log", log)
    runs = [fit(tiny_dataset, RECIPE, CPU, FitOptions(tmp_path / name, logger="wandb")) for name in ("first", "second")]
    assert configs[0]["recipe"]["batch_size"] == 4
    mious = [miou for run in runs for miou in run.history.miou]
    assert [row["miou"] for row in logged if "miou" in row] == pytest.approx(mious)
    for run in runs: assert len(list((run.path / "wandb").glob("offline-run-*"))) == 1  # each training has its own


def test_a_wandb_that_refuses_is_one_message_and_the_folder_stays_free(tiny_dataset, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    import wandb
    def refuse(*args, **kwargs): raise wandb.errors.UsageError("No API key configured.")
    monkeypatch.setattr(wandb, "init", refuse)
    out = tmp_path / "run"
    with pytest.raises(UserError, match="No API key configured.*WANDB_MODE=offline"):
        fit(tiny_dataset, RECIPE, CPU, FitOptions(out, logger="wandb"))
    assert [path.name for path in out.iterdir() if path.name != ".lock"] == []
    refuse_taken(out)


@pytest.mark.parametrize("rank, loggers", [(0, 1), (1, 0)])
def test_the_main_process_alone_logs(tiny_dataset, tmp_path, monkeypatch, rank, loggers):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    monkeypatch.setenv("RANK", str(rank))
    job = job_for(Run(tmp_path / "run"), tiny_dataset, RECIPE, CPU, FitOptions(logger="tensorboard"))
    assert len(job.cbs) == loggers and (tmp_path / "run").exists() == (rank == 0)


@pytest.mark.parametrize("logger, named", [("tensorbord", "did you mean tensorboard"),
                                           ("wandb", "linknet-fastai[wandb]")])
def test_a_logger_that_isn_t_there_is_refused_before_any_work(logger, named, monkeypatch):
    monkeypatch.setattr("linknet_fastai.extras.find_spec", lambda name: None)
    with pytest.raises(UserError, match=re.escape(named)): FitOptions(logger=logger)
    with pytest.raises(UserError, match=re.escape(named)): ResumeOptions(logger=logger)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_a_run_without_a_logger_has_none(tiny_dataset, tmp_path):
    run = Run.open(fit(tiny_dataset, RECIPE, CPU, FitOptions(tmp_path / "run")).path)
    assert not (run.path / "tensorboard").exists() and not (run.path / "wandb").exists()
