"`linknet-fastai resume`."

import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from command_line import TINY, assert_refused, linknet, quick, succeed

from linknet_fastai.cli.progress import TerminalProgress


def write_format(run: Path, folder: Path, number: int) -> Path:
    "A copy of a run's config.json that says another format."
    folder.mkdir()
    config = json.loads((run / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": number}))
    return folder


@pytest.fixture
def stopped(folder, tmp_path, monkeypatch) -> Path:
    "A run of three epochs that was stopped after its first, and said how to go on."
    def stop(self):
        original(self)
        if self.epoch == 0: os.kill(os.getpid(), signal.SIGTERM)
    original = TerminalProgress.after_epoch
    with monkeypatch.context() as patch:
        patch.setattr(TerminalProgress, "after_epoch", stop)
        result = linknet("fit", "camvid", "--data", folder, *TINY, "--epochs", 3, "--out", tmp_path / "run")
    assert result.returncode == 128 + signal.SIGTERM
    assert f"linknet-fastai resume {tmp_path / 'run'}" in result.stdout
    return tmp_path / "run"


def test_a_stopped_run_goes_on_to_its_end_with_the_settings_it_began_with(stopped):
    assert linknet("resume", stopped, "--lr", 1).returncode == 2
    assert_refused(linknet("resume", stopped, "--epochs", 5), stopped, "5")  # a one-cycle has its end
    assert f"linknet-fastai predict {stopped}" in succeed("resume", stopped)
    assert pd.read_csv(stopped / "history.csv").epoch.tolist() == [1, 2, 3]
    assert (stopped / "report.html").is_file()


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_a_schedule_of_steps_goes_on_to_more_epochs(folder, tmp_path):
    run = tmp_path / "run"
    result = quick(folder, run, "--recipe", "paper")
    assert result.returncode == 0, result.stderr
    succeed("resume", run, "--epochs", 2)
    history = pd.read_csv(run / "history.csv")
    assert history.epoch.tolist() == [1, 2] and history.lr.tolist() == pytest.approx([5e-4, 5e-4])


def test_a_finished_run_is_refused(run):
    assert_refused(linknet("resume", run), run)


def test_a_folder_without_a_run_is_refused(tmp_path):
    assert_refused(linknet("resume", "nowhere", cwd=tmp_path), "nowhere")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["resume", "evaluate", "predict", "report"])
@pytest.mark.parametrize("number", [3, 99])
def test_a_run_of_another_format_is_refused(command, number, run, tmp_path):
    other = write_format(run, tmp_path / "other", number)
    more = ["x.png"] if command == "predict" else []
    assert_refused(linknet(command, other, *more), other, number)
