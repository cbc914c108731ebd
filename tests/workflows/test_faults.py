"What goes wrong during a training, and what each fault must leave behind."

import os
import signal
import subprocess
import weakref
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from short_training import RECIPE, At, history, refusal, resumed, trained

from linknet_fastai.errors import Interrupted, Note
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run

pytestmark = pytest.mark.usefixtures("without_figures")


# Disks

def test_a_folder_that_is_deleted_ends_the_training_in_one_message(data, tmp_path):
    run = tmp_path / "run"
    def delete():
        for path in sorted(run.rglob("*"), reverse=True): path.rmdir() if path.is_dir() else path.unlink()
        run.rmdir()
    assert str(run) in refusal(trained, data, run, cbs=[At(1, delete)])


@pytest.fixture
def small_disk(tmp_path):
    "A file system of 24 MiB: a checkpoint of this model has 5.4 MB, and three may lie side by side."
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True)
    if mount.returncode: pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_in_the_middle_of_a_save_leaves_the_last_good_state(data, small_disk):
    run = small_disk / "run"
    def fill():
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        (small_disk / "filler").write_bytes(bytes(free - 300_000))
    message = refusal(trained, data, run, cbs=[At(1, fill)])
    assert str(run) in message and "No space left on device" in message
    assert Run.open(run).checkpoints.read().epoch == 1 and len(history(run)) in (1, 2)
    assert not list(run.glob(".*.part*"))
    (small_disk / "filler").unlink()
    assert list(history(resumed(run).path).epoch) == [1, 2, 3]


def test_a_folder_that_becomes_read_only_ends_the_training_in_one_message(data, small_disk):
    run = small_disk / "run"
    def freeze(): subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", run], check=True)
    message = refusal(trained, data, run, cbs=[At(1, freeze)])
    assert str(run) in message and "Read-only" in message
    subprocess.run(["umount", run], check=True)
    assert Run.open(run).checkpoints.read().epoch == 1


def test_a_training_that_is_interrupted_before_its_first_step_leaves_a_free_folder(data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("linknet_fastai.workflows.new_run.fingerprint", Mock(side_effect=KeyboardInterrupt))
        trained(data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()
    assert trained(data, tmp_path / "run").is_scored


@pytest.mark.parametrize("name", ["report.html", "scores-val.json", "gallery/images.csv", "newest.safetensors"])
def test_a_folder_in_the_place_of_a_file_is_named_before_anything_is_trained(data, tmp_path, name):
    (tmp_path / "run" / name).mkdir(parents=True)
    assert f"{tmp_path / 'run' / name}: " in refusal(trained, data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("name, is_folder", [
    ("report.html", True), ("previous.safetensors", True), ("scores-val.json", True), ("gallery/images.csv", True),
    ("gallery", False)])
def test_so_is_one_in_a_run_that_goes_on(data, tmp_path, name, is_folder):
    run = trained(data, tmp_path / "run", Recipe(**vars(RECIPE) | {"schedule": "constant", "epochs": 1})).path
    if is_folder: (run / name).mkdir(parents=True)
    else: (run / name).write_text("")
    assert f"{run / name}: " in refusal(resumed, run, epochs=2)
    assert len(history(run)) == 1 and Run.open(run).is_scored


# Losses

class Broken(Callback):
    "The loss of some batches is not a number."

    order = -10
    run_valid = False

    def __init__(self, batches): self.batches, self.seen = batches, 0

    def after_loss(self):
        self.seen += 1
        if self.seen - 1 in self.batches: self.learn.loss = self.learn.loss_grad = self.loss_grad * float("nan")


class BrokenThenStopped(Broken):
    "And Ctrl-C comes at the last of them."

    def after_loss(self):
        super().after_loss()
        if self.seen - 1 == max(self.batches): os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_amid_such_losses_ends_the_training(data, tmp_path):
    "After five in a row another attempt would begin."
    run = tmp_path / "run"
    with pytest.raises(Interrupted), pytest.warns(Note): trained(data, run, cbs=[BrokenThenStopped(range(4, 9))])
    assert Run.open(run).checkpoints.read().epoch == 1
    assert list(history(resumed(run).path).epoch) == [1, 2, 3]


def test_a_batch_without_a_finite_loss_is_named_and_left_out(data, tmp_path):
    with pytest.warns(Note, match=r"/train/\d+.png, .*/train/\d+.png: .*not finite") as notes:
        run = trained(data, tmp_path / "run", cbs=[Broken({1})])
    assert len([note for note in notes if note.category is Note]) == 1
    assert np.isfinite(history(run.path).to_numpy(dtype=float)).all()


class Overflow(Callback):
    "The pixels of one batch are infinite, once: BatchNorm's statistics are nan after it."

    def __init__(self): self.seen = 0

    def before_batch(self):
        if not self.training: return
        self.seen += 1
        if self.seen == 5: self.learn.xb = (self.xb[0] * float("inf"),)


def test_statistics_that_are_no_numbers_any_more_are_not_kept(data, tmp_path):
    with pytest.warns(Note, match="nor are the statistics of BatchNorm since; so training goes back.* 0.5 of"):
        run = trained(data, tmp_path / "run", cbs=[Overflow()])
    assert list(history(run.path).epoch) == [1, 2, 3] and history(run.path).valid_loss.notna().all()
    assert all(tensor.isfinite().all() for tensor in run.load_model()[0].state_dict().values())


class StoppedAtTheEnd(Callback):
    "Ctrl-C comes after the last checkpoint, while a logger has its last word."

    def after_fit(self): os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_after_the_last_epoch_is_no_less_heard(data, tmp_path):
    with pytest.raises(Interrupted): trained(data, tmp_path / "run", cbs=[StoppedAtTheEnd()])
    assert not Run.open(tmp_path / "run").is_scored
    assert resumed(tmp_path / "run").is_scored and len(history(tmp_path / "run")) == 3


@pytest.mark.parametrize("schedule", ["one-cycle", "steps", "constant"])
def test_after_several_in_a_row_the_run_goes_back_at_a_lower_lr(data, tmp_path, schedule):
    recipe = Recipe(**vars(RECIPE) | {"schedule": schedule})
    with pytest.warns(Note, match="end of epoch 1.* 0.5 of"):
        run = trained(data, tmp_path / "run", recipe, cbs=[Broken(range(4, 9))])
    assert list(history(run.path).epoch) == [1, 2, 3] and run.checkpoints.read().lr_scale == 0.5
    if schedule != "one-cycle": assert list(history(run.path).lr) == [5e-3, 2.5e-3, 2.5e-3]


@pytest.mark.filterwarnings("ignore::linknet_fastai.errors.Note")
def test_a_loss_that_is_never_finite_ends_in_one_message(data, tmp_path):
    message = refusal(trained, data, tmp_path / "run", cbs=[Broken(range(10_000))])
    assert "/train/" in message and "--lr" in message
    assert Run.open(tmp_path / "run").checkpoints.read().epoch == 0


# Memory

class SmallMemory(Callback):
    "Holds two images."

    def before_batch(self):
        if len(self.xb[0]) > 2 and self.training: raise torch.OutOfMemoryError("CUDA out of memory.")


def test_where_memory_is_short_batches_are_computed_in_parts(data, tmp_path):
    with pytest.warns(Note, match="batches of 4 .* parts of 2"):
        run = trained(data, tmp_path / "run", cbs=[SmallMemory()])
    assert run.is_scored and run.checkpoints.read().batch_size == 2


class FailedBackward(Callback):
    "Fails once all activations of a batch of four are there; `kept` says of the first whether the next attempt has it."

    order = 90

    def before_fit(self): self.kept = hasattr(self, "first") and self.first() is not None

    def before_backward(self):
        if len(self.xb[0]) <= 2: return
        self.first = weakref.ref(self.learn.loss_grad)
        raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.filterwarnings("ignore::linknet_fastai.errors.Note")
def test_a_step_that_did_not_fit_leaves_its_memory_to_the_next_attempt(data, tmp_path):
    failed = FailedBackward()
    trained(data, tmp_path / "run", cbs=[failed])
    assert hasattr(failed, "first") and not failed.kept


class NoMemory(Callback):
    "Holds no image."

    def before_batch(self): raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.filterwarnings("ignore::linknet_fastai.errors.Note")
def test_where_a_single_image_does_not_fit_that_is_said(data, tmp_path):
    message = refusal(trained, data, tmp_path / "run", cbs=[NoMemory()])
    assert "1 images of 64x64" in message and "--size" in message
