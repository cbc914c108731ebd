"What goes wrong during a training, and what each fault must leave behind."

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.core import Callback
from PIL import Image
from safetensors.torch import load_file

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import Note, UserError
from linknet_fastai.runtime.device import Machine
from linknet_fastai.runs.run import Run
from linknet_fastai.workflows.fit import fit
from linknet_fastai.workflows.resume import resume
from linknet_fastai.recipes import Recipe

CPU = Machine(torch.device("cpu"), "fp32")
RECIPE = Recipe(encoder="test_resnet", weights="none", epochs=3, size=(64, 64), batch_size=4, lr=5e-3)


def write_images(root: Path, train: int = 13, val: int = 5, classes: int = 3) -> Path:
    "Noisy images of 64x64 with a rectangle of class 1 and a stripe of class 2, or of one class only."
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            mask = np.zeros((64, 64), np.uint8)
            top, left = rng.integers(0, 40, 2)
            if classes > 1: mask[top:top + 20, left:left + 20], mask[:4] = 1, 2
            image = mask[..., None] * 60 + rng.integers(0, 60, (64, 64, 3))
            for kind, pixels in (("images", image), ("masks", mask)):
                (root / kind / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(root / kind / split / f"{number}.png")
    (root / "classes.txt").write_text("ground\nwall\ndoor\n"[:21 if classes > 1 else 7])
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(autouse=True)
def without_images(monkeypatch):
    "They take most of a short run's time, and are tested elsewhere."
    for name in ("draw_results", "draw_training"): monkeypatch.setattr(f"linknet_fastai.training.fit.{name}", lambda *words: None)


class Silent(Callback):
    "In the place of fastai's progress bar."


def trained(data: Path, out: Path, recipe: Recipe = RECIPE, cbs=(), **words) -> Run:
    return fit(folder(data), recipe, CPU, out, cbs=(Silent(), *cbs), **words)


def history(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "history.csv").drop(columns="seconds")


def assert_same(run: Path, other: Path):
    "Weights bit by bit, histories, scores."
    for name in ("model", "last"):
        found, expected = (load_file(path / f"{name}.safetensors") for path in (run, other))
        assert found.keys() == expected.keys()
        for key in found: assert torch.equal(found[key], expected[key]), (name, key)
    pd.testing.assert_frame_equal(history(run), history(other), check_exact=True)
    assert (run / "scores.json").read_bytes() == (other / "scores.json").read_bytes()


# Exactness: real processes, stopped at random moments

STOPS = 6


@pytest.fixture(scope="module")
def stopped(data, tmp_path_factory):
    "A training that ran through, and others that were killed or asked to stop at random moments and then resumed."
    out = tmp_path_factory.mktemp("stopped")
    def run(*stops: str) -> list[list[str]]:
        done = subprocess.run([sys.executable, Path(__file__).with_name("stopped.py"), data, out, *stops], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [line.split() for line in done.stdout.splitlines() if line.startswith(("moments", "stopped", "resumed"))]
    whole = run("none:0")
    moments = int(whole[0][1])
    draw = random.Random(0)
    stops = [f"{name}:{draw.randrange(1, moments)}" for name in ("SIGKILL", "SIGTERM", "SIGINT") for _ in range(STOPS // 3)]
    return out, stops, {tuple(line[:2]): int(line[2]) for line in run(*stops) if line[0] != "moments"}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(STOPS))
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(stopped, number):
    out, stops, statuses = stopped
    stop = stops[number]
    name = stop.split(":")[0]
    code = getattr(signal, name)
    # after the last epoch, when nothing is left to save, a signal does what it always does
    assert statuses["stopped", stop] in ([-code] if name == "SIGKILL" else [-code, 128 + code])
    assert statuses["resumed", stop] == 0
    assert_same(out / stop.replace(":", "-"), out / "none-0")


@pytest.mark.slow
@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_saves_and_says_how_to_go_on(data, tmp_path, name, code):
    words = ["fit", "folder", "--data", data, "--encoder", "test_resnet", "--weights", "none", "--epochs", "200", "--size", "64x64",
             "--out", tmp_path / "run"]
    with subprocess.Popen([sys.executable, "-m", "linknet_fastai", *map(str, words)], stdout=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "run" / "history.csv").exists() and process.poll() is None: time.sleep(0.05)
        process.send_signal(getattr(signal, name))
        output = process.communicate()[0]
    assert process.returncode == code
    assert f"linknet-fastai fit --resume {tmp_path / 'run'}" in output
    assert Run.open(tmp_path / "run").checkpoint().epoch >= 1


# Faults in the process

class At(Callback):
    "Does something at the start of an epoch's training."

    order = 90

    def __init__(self, epoch: int, act): self.at, self.act = epoch, act

    def before_train(self):
        if self.epoch == self.at: self.act()


class Lost(Exception): "Stands for a process that is gone."


def lost(): raise Lost("gone")


@pytest.fixture
def unfinished(data, tmp_path) -> Path:
    "A run that was lost in its third epoch."
    with pytest.raises(Lost): trained(data, tmp_path / "run", cbs=[At(2, lost)])
    return tmp_path / "run"


def damage(path: Path):
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def refusal(call, *words, **options) -> str:
    with pytest.raises(UserError) as raised: call(*words, **options)
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def resumed(run: Path, cbs=(), **words) -> Run: return resume(run, machine=CPU, cbs=(Silent(), *cbs), **words)


def test_an_unfinished_run_goes_on_where_it_was(unfinished):
    assert resumed(unfinished).is_scored
    assert list(history(unfinished).epoch) == [1, 2, 3]


def test_a_damaged_point_costs_an_epoch_and_is_named(unfinished):
    damage(unfinished / "last.safetensors")
    with pytest.warns(Note, match="last.safetensors: is damaged.*the epoch before"): resumed(unfinished)
    assert list(history(unfinished).epoch) == [1, 2, 3]


@pytest.mark.parametrize("keep", [0, 7, 100_000])
def test_a_truncated_point_costs_an_epoch(unfinished, keep):
    os.truncate(unfinished / "last.safetensors", keep)
    with pytest.warns(Note): assert Run.open(unfinished).checkpoint().epoch == 1


def test_where_both_points_are_damaged_that_is_said(unfinished):
    for name in ("last", "previous"): damage(unfinished / f"{name}.safetensors")
    assert "last.safetensors: is damaged" in refusal(resumed, unfinished)


def test_points_that_were_deleted_are_missed(unfinished):
    for name in ("last", "previous"): (unfinished / f"{name}.safetensors").unlink()
    assert "has no last.safetensors any more" in refusal(resumed, unfinished)


def test_what_a_killed_process_left_half_written_is_removed(unfinished):
    part = unfinished / f".newest.safetensors.{2**22 + 1}.part.safetensors"  # beyond the largest number of a process
    part.write_bytes(bytes(1000))
    resumed(unfinished)
    assert not part.exists()


def test_a_run_that_was_lost_before_its_first_point_begins_anew(unfinished, data):
    for name in ("last.safetensors", "previous.safetensors", "history.csv", "model.safetensors"): (unfinished / name).unlink()
    whole = trained(data, unfinished.with_name("whole"))
    assert_same(resumed(unfinished).path, whole.path)


def test_a_finished_run_does_not_go_on(data, tmp_path):
    run = trained(data, tmp_path / "run")
    assert "is finished, all 3 epochs" in refusal(resumed, run.path)
    assert not (run.path / "previous.safetensors").exists()


def test_a_one_cycle_schedule_has_its_end(unfinished):
    assert "one-cycle schedule ends after 3 epochs" in refusal(resumed, unfinished, epochs=5)
    assert Run.open(unfinished).config.recipe["epochs"] == 3


def test_a_schedule_of_steps_goes_on_as_if_more_had_been_asked_for_at_first(data, tmp_path):
    steps = Recipe(**vars(RECIPE) | {"schedule": "steps", "lr": 1e-3, "epochs": 2})
    short = trained(data, tmp_path / "short", steps)
    resumed(short.path, epochs=3)
    assert_same(short.path, trained(data, tmp_path / "long", Recipe(**vars(steps) | {"epochs": 3})).path)
    assert "has 3 epochs already" in refusal(resumed, short.path, epochs=2)


def test_other_data_are_refused(unfinished, data, tmp_path):
    other = write_images(tmp_path / "other", train=12)
    assert "pass the data as it was" in refusal(resumed, unfinished, data=other)


def test_a_second_process_is_refused_and_a_dead_one_is_not_in_the_way(unfinished):
    hold = ("import sys, time; from pathlib import Path; from linknet_fastai.runs.run import Run\n"
            "with Run(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(100)")
    with subprocess.Popen([sys.executable, "-c", hold, unfinished], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert "another process is training in this folder" in refusal(resumed, unfinished)
        holder.kill()
    assert resumed(unfinished).is_scored


def test_a_folder_that_is_deleted_ends_the_training_in_one_sentence(data, tmp_path):
    def delete():
        for path in sorted((tmp_path / "run").rglob("*"), reverse=True): path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / "run").rmdir()
    assert "can't be written" in refusal(trained, data, tmp_path / "run", cbs=[At(1, delete)])


@pytest.fixture
def small_disk(tmp_path):
    "A file system of 24 MiB: a point of this network has 5.4 MB, and three may lie side by side."
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_in_the_middle_of_a_save_leaves_the_last_good_state(data, small_disk):
    run = small_disk / "run"
    def fill():
        room = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        (small_disk / "filler").write_bytes(bytes(room - 300_000))
    assert "No space left on device" in refusal(trained, data, run, cbs=[At(1, fill)])
    assert Run.open(run).checkpoint().epoch == 1 and len(history(run)) in (1, 2)
    assert not list(run.glob(".*.part*"))
    (small_disk / "filler").unlink()
    assert list(history(resumed(run).path).epoch) == [1, 2, 3]


def test_a_folder_that_becomes_read_only_ends_the_training_in_one_sentence(data, small_disk):
    def freeze(): subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", small_disk / "run"], check=True)
    assert "can't be written (Read-only" in refusal(trained, data, small_disk / "run", cbs=[At(1, freeze)])
    subprocess.run(["umount", small_disk / "run"], check=True)
    assert Run.open(small_disk / "run").checkpoint().epoch == 1


# Losses and memory

class Broken(Callback):
    "The loss of some batches is not a number."

    order = -10
    run_valid = False

    def __init__(self, batches): self.batches, self.seen = batches, 0

    def after_loss(self):
        self.seen += 1
        if self.seen - 1 in self.batches: self.learn.loss = self.learn.loss_grad = self.loss_grad * float("nan")


def test_a_batch_without_a_finite_loss_is_named_and_left_out(data, tmp_path):
    with pytest.warns(Note, match=r"/train/\d+.png, .*/train/\d+.png: the loss of these images is not finite") as notes:
        run = trained(data, tmp_path / "run", cbs=[Broken({1})])
    assert len([note for note in notes if note.category is Note]) == 1
    assert np.isfinite(history(run.path).drop(columns="epoch").dropna(axis=1, how="all").to_numpy()).all()


def test_after_several_in_a_row_the_run_goes_back_at_a_lower_rate(data, tmp_path):
    with pytest.warns(Note, match="goes back to the end of epoch 1, and on at 0.5 of the rate"):
        run = trained(data, tmp_path / "run", cbs=[Broken(range(4, 9))])
    assert list(history(run.path).epoch) == [1, 2, 3] and run.checkpoint().rate == 0.5


@pytest.mark.filterwarnings("ignore::linknet_fastai.errors.Note")
def test_a_loss_that_is_never_finite_ends_in_one_sentence(data, tmp_path):
    assert "the loss is not finite, nor was it in the 4 batches before" in refusal(
        trained, data, tmp_path / "run", cbs=[Broken(range(10_000))])
    assert Run.open(tmp_path / "run").checkpoint().epoch == 0


class SmallMemory(Callback):
    "Holds two images."

    def before_batch(self):
        if len(self.xb[0]) > 2 and self.training: raise torch.OutOfMemoryError("CUDA out of memory.")


def test_where_memory_is_short_batches_are_computed_in_parts(data, tmp_path):
    with pytest.warns(Note, match="batches of 4 are computed in parts of 2"):
        run = trained(data, tmp_path / "run", cbs=[SmallMemory()])
    assert run.is_scored and run.checkpoint().batch_size == 2


class NoMemory(Callback):
    def before_batch(self): raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.filterwarnings("ignore::linknet_fastai.errors.Note")
def test_where_a_single_image_does_not_fit_that_is_said(data, tmp_path):
    assert "1 images of 64x64 don't fit" in refusal(trained, data, tmp_path / "run", cbs=[NoMemory()])


# Small data

def test_a_batch_of_void_alone_changes_nothing_but_is_no_fault():
    from linknet_fastai.training.loss import SegmentationLoss
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    loss = SegmentationLoss(torch.ones(3), dice=1.0)(logits, torch.full((2, 8, 8), 255))
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


@pytest.mark.parametrize("images", [dict(train=1, val=1), dict(train=5, val=1), dict(train=2, val=1, classes=1)],
                         ids=["one image", "a last batch of one", "one class"])
def test_little_data_is_enough(tmp_path, images):
    run = trained(write_images(tmp_path / "data", **images), tmp_path / "run")
    assert run.is_scored and np.isfinite(history(run.path).miou).all()


# Files from strangers

@pytest.mark.parametrize("content", [b"\x00" * 7 + b"\x10" + b"{}" * 50, b"", b"{}", bytes(1000)], ids=["2^60", "empty", "JSON", "zeros"])
def test_a_hostile_header_is_refused(unfinished, content):
    for name in ("last", "previous"): (unfinished / f"{name}.safetensors").write_bytes(content)
    assert "last.safetensors: can't be read as safetensors" in refusal(resumed, unfinished)


def test_a_pickle_for_a_point_is_refused_and_not_run(unfinished, tmp_path):
    import pickle
    class Trap:
        def __reduce__(self): return Path.touch, (tmp_path / "sprung",)
    for name in ("last", "previous"): (unfinished / f"{name}.safetensors").write_bytes(pickle.dumps(Trap()))
    assert "can't be read as safetensors" in refusal(resumed, unfinished)
    assert not (tmp_path / "sprung").exists()


def test_a_point_of_another_network_is_refused(unfinished):
    config = json.loads((unfinished / "config.json").read_text())
    config["recipe"]["encoder"] = "resnet18"
    (unfinished / "config.json").write_text(json.dumps(config))
    assert "doesn't fit the network of its config.json" in refusal(resumed, unfinished)
