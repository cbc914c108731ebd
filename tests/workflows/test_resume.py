"A run that was stopped goes on as if it had not been, or it is said why it can't."

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from short_training import (
    RECIPE,
    At,
    SignalAfter,
    assert_same,
    history,
    refusal,
    resumed,
    trained,
    undrawn,
    write_images,
)

from linknet_fastai.errors import Interrupted, Note
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run

pytestmark = pytest.mark.usefixtures("without_figures")
STOPS = 6
STOPPED = Path(__file__).parents[1] / "helpers" / "stopped.py"


@pytest.fixture(scope="module")
def stopped(data, tmp_path_factory):
    "A training that ran through, and others that were killed or asked to stop at random moments and then resumed."
    out = tmp_path_factory.mktemp("stopped")
    def run(*stops: str) -> list[list[str]]:
        done = subprocess.run([sys.executable, STOPPED, data, out, *stops], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = [line.split() for line in done.stdout.splitlines()]
        return [line for line in lines if line and line[0] in ("moments", "stopped", "resumed")]
    moments = int(run("none:0")[0][1])
    draw = random.Random(0)
    stops = [f"{name}:{draw.randrange(1, moments)}"
             for name in ("SIGKILL", "SIGTERM", "SIGINT") for _ in range(STOPS // 3)]
    return out, stops, {tuple(line[:2]): int(line[2]) for line in run(*stops) if line[0] != "moments"}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(STOPS))
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(stopped, number):
    out, stops, statuses = stopped
    stop = stops[number]
    name = stop.split(":")[0]
    code = getattr(signal, name)
    # before training and after its end, when there is nothing to save, a signal does what it always does
    stopped_by = [-code] if name == "SIGKILL" else [-code, 128 + code]
    is_done = name != "SIGKILL" and statuses["stopped", stop] == 0  # it came when all that was left was to end
    assert is_done or statuses["stopped", stop] in stopped_by
    assert is_done or statuses["resumed", stop] == 0
    assert_same(out / stop.replace(":", "-"), out / "none-0")


@pytest.mark.parametrize(("stop", "number"), [
    (KeyboardInterrupt(), signal.SIGINT), (SystemExit(128 + signal.SIGHUP), signal.SIGHUP)], ids=["Ctrl-C", "SIGHUP"])
@pytest.mark.parametrize("at", ["score", "draw_run"])
def test_a_signal_in_the_scoring_says_how_to_go_on(data, tmp_path, monkeypatch, stop, number, at):
    with monkeypatch.context() as patch:
        patch.setattr(f"linknet_fastai.workflows.finish.{at}", Mock(side_effect=stop))
        with pytest.raises(Interrupted) as raised: trained(data, tmp_path / "run")
    assert (raised.value.signal, raised.value.run) == (number, tmp_path / "run")
    assert resumed(tmp_path / "run").is_scored and list(history(tmp_path / "run").epoch) == [1, 2, 3]
    assert "is finished" in refusal(resumed, tmp_path / "run")


class Lost(Exception): "Stands for a process that is gone."


def lost(): raise Lost("gone")


@pytest.fixture(scope="module")
def lost_in_its_third_epoch(data, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("lost") / "run"
    with undrawn(), pytest.raises(Lost): trained(data, run, cbs=[At(2, lost)])
    return run


@pytest.fixture
def unfinished(lost_in_its_third_epoch, tmp_path) -> Path:
    "A run that was lost in its third epoch."
    return Path(shutil.copytree(lost_in_its_third_epoch, tmp_path / "run"))


def test_an_unfinished_run_goes_on_where_it_was(unfinished):
    assert resumed(unfinished).is_scored
    assert list(history(unfinished).epoch) == [1, 2, 3]


@pytest.mark.parametrize("step", [0, 2], ids=["first", "last"])
def test_a_run_that_was_stopped_within_an_epoch_ends_as_if_it_had_not_been(data, tmp_path, step):
    with pytest.raises(Interrupted): trained(data, tmp_path / "run", cbs=[SignalAfter(step)])
    checkpoint = Run.open(tmp_path / "run").checkpoints.read()
    assert (checkpoint.epoch, checkpoint.images) == (1, 4 * (step + 1))
    assert_same(resumed(tmp_path / "run").path, trained(data, tmp_path / "whole").path)


def test_what_a_killed_process_left_half_written_is_removed(unfinished):
    part = unfinished / f".newest.safetensors.{2**22 + 1}.part.safetensors"  # beyond the largest number of a process
    part.write_bytes(bytes(1000))
    resumed(unfinished)
    assert not part.exists()


def test_a_run_that_was_lost_before_its_first_checkpoint_begins_anew(unfinished, data):
    for name in ("last.safetensors", "previous.safetensors", "history.csv", "model.safetensors"):
        (unfinished / name).unlink()
    whole = trained(data, unfinished.with_name("whole"))
    assert_same(resumed(unfinished).path, whole.path)


def test_a_run_that_was_lost_in_its_first_epoch_begins_it_anew(data, tmp_path):
    with pytest.raises(Lost): trained(data, tmp_path / "run", cbs=[At(0, lost)])
    assert_same(resumed(tmp_path / "run").path, trained(data, tmp_path / "whole").path)


def test_a_run_in_fp16_goes_on_in_another_precision(unfinished):
    "Its checkpoint has the state of a gradient scaler, which there is none of here."
    checkpoints = Run.open(unfinished).checkpoints
    checkpoint = checkpoints.read()
    checkpoints.write(replace(checkpoint, progress=checkpoint.progress | {"scaler": {"scale": 65536.0}}))
    assert resumed(unfinished).is_scored


def test_a_finished_run_does_not_go_on(data, tmp_path):
    run = trained(data, tmp_path / "run")
    message = refusal(resumed, run.path)
    assert str(run.path) in message and "finished" in message
    assert not (run.path / "previous.safetensors").exists()


def test_a_one_cycle_schedule_has_its_end(unfinished):
    message = refusal(resumed, unfinished, epochs=5)
    assert str(unfinished) in message and "one-cycle" in message
    assert Run.open(unfinished).config.recipe["epochs"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["steps", "constant"])
def test_another_schedule_goes_on_as_if_more_had_been_asked_for_at_first(data, tmp_path, schedule):
    steps = Recipe(**vars(RECIPE) | {"schedule": schedule, "optimizer": "sgd", "lr": 1e-3, "epochs": 2})
    short = trained(data, tmp_path / "short", steps)
    resumed(short.path, epochs=3)
    assert_same(short.path, trained(data, tmp_path / "long", Recipe(**vars(steps) | {"epochs": 3})).path)
    assert "3 epochs" in refusal(resumed, short.path, epochs=2)


@pytest.mark.slow
def test_more_epochs_that_were_lost_go_on(data, tmp_path):
    steps = Recipe(**vars(RECIPE) | {"schedule": "steps", "epochs": 2})
    short = trained(data, tmp_path / "short", steps)
    with pytest.raises(Lost): resumed(short.path, epochs=3, cbs=(At(2, lost),))
    resumed(short.path)
    assert_same(short.path, trained(data, tmp_path / "long", Recipe(**vars(steps) | {"epochs": 3})).path)


@pytest.mark.slow
def test_the_epoch_at_hand_keeps_its_lr_when_more_are_asked_for(data, tmp_path, monkeypatch):
    monkeypatch.setattr("linknet_fastai.training.schedules.STEP_EPOCHS", 2)
    steps = Recipe(**vars(RECIPE) | {"schedule": "steps", "epochs": 2})
    with pytest.raises(Interrupted): trained(data, tmp_path / "run", steps, [SignalAfter(0)])
    resumed(tmp_path / "run", epochs=5)
    assert_same(tmp_path / "run", trained(data, tmp_path / "long", Recipe(**vars(steps) | {"epochs": 5})).path)


@pytest.mark.slow
def test_a_search_for_the_learning_rate_is_no_part_of_the_history(data, tmp_path):
    with pytest.raises(Lost): trained(data, tmp_path / "run", Recipe(**vars(RECIPE) | {"lr": "auto"}), [At(0, lost)])
    resumed(tmp_path / "run")
    assert list(history(tmp_path / "run").epoch) == [1, 2, 3]


def test_other_data_are_refused(unfinished, data, tmp_path):
    other = write_images(tmp_path / "other", train=12)
    message = refusal(resumed, unfinished, data=other)
    assert str(unfinished) in message and str(other) in message and "--data" in message


@pytest.mark.slow
def test_a_second_process_is_refused_and_a_dead_one_is_not_in_the_way(unfinished):
    hold = ("import sys, time; from pathlib import Path; from linknet_fastai.runs.run import Run\n"
            "with Run(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(100)")
    with subprocess.Popen([sys.executable, "-c", hold, unfinished], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert f"{unfinished}: another process" in refusal(resumed, unfinished)
        holder.kill()
    assert resumed(unfinished).is_scored


# Damaged checkpoints, and files from strangers

def damage(path: Path):
    "Flip a bit of a tensor."
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def test_a_damaged_checkpoint_costs_an_epoch_and_is_named(unfinished):
    damage(unfinished / "last.safetensors")
    with pytest.warns(Note, match="last.safetensors"): resumed(unfinished)
    assert list(history(unfinished).epoch) == [1, 2, 3]


@pytest.mark.parametrize("keep", [0, 7, 100_000])
def test_a_truncated_checkpoint_costs_an_epoch(unfinished, keep):
    os.truncate(unfinished / "last.safetensors", keep)
    with pytest.warns(Note): assert Run.open(unfinished).checkpoints.read().epoch == 1


def test_where_both_checkpoints_are_damaged_that_is_said(unfinished):
    for name in ("last", "previous"): damage(unfinished / f"{name}.safetensors")
    assert f"{unfinished}/last.safetensors" in refusal(resumed, unfinished)


def test_checkpoints_that_were_deleted_are_missed(unfinished):
    for name in ("last", "previous"): (unfinished / f"{name}.safetensors").unlink()
    message = refusal(resumed, unfinished)
    assert str(unfinished) in message and "last.safetensors" in message


@pytest.mark.parametrize("content", [b"\x00" * 7 + b"\x10" + b"{}" * 50, b"", b"{}", bytes(1000)],
                         ids=["2^60", "empty", "JSON", "zeros"])
def test_a_hostile_header_is_refused(unfinished, content):
    for name in ("last", "previous"): (unfinished / f"{name}.safetensors").write_bytes(content)
    assert f"{unfinished}/last.safetensors" in refusal(resumed, unfinished)


def test_a_pickle_for_a_checkpoint_is_refused_and_not_run(unfinished, tmp_path):
    class Trap:
        def __reduce__(self): return Path.touch, (tmp_path / "sprung",)
    for name in ("last", "previous"): (unfinished / f"{name}.safetensors").write_bytes(pickle.dumps(Trap()))
    assert f"{unfinished}/last.safetensors" in refusal(resumed, unfinished)
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_of_another_model_is_refused(unfinished):
    config = json.loads((unfinished / "config.json").read_text())
    config["recipe"]["encoder"] = "resnet18"
    (unfinished / "config.json").write_text(json.dumps(config))
    message = refusal(resumed, unfinished)
    assert str(unfinished) in message and "config.json" in message
