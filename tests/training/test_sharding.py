"Several processes train as one does."

import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.errors import Note, UserError
from linknet_fastai.evaluation.result import read_result
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.runtime.distributed import process_group
from linknet_fastai.training.sharding import TrainingShard, ValidationShard
from linknet_fastai.workflows.fit import FitOptions, fit

ROOT = Path(__file__).parents[2]
SEVERAL = ROOT / "tests" / "helpers" / "several.py"
FIT = ["-m", "linknet_fastai", "fit", "streets", "--epochs", "40", "--size", "64x64", "--encoder", "test_resnet",
       "--weights", "none", "--device", "cpu"]
RESUME = ["-m", "linknet_fastai", "resume", "--device", "cpu"]


def environment(rank: int, world_size: int, port: int) -> dict[str, str]:
    return os.environ | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world_size),
                         "LOCAL_WORLD_SIZE": str(world_size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                         "OMP_NUM_THREADS": "1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(words: list, world_size: int) -> list[subprocess.Popen]:
    "As `torchrun` does, which would end the others itself when one is lost."
    port = free_port()
    return [subprocess.Popen([sys.executable, *map(str, words)], env=environment(rank, world_size, port), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for rank in range(world_size)]


def test_rank_indices_by_hand(tiny_dataset):
    dls = SegmentationDataLoaders.from_dataset(tiny_dataset, Recipe(batch_size=2, size=(64, 64)))
    train = [TrainingShard(dls.train, rank, 2) for rank in (0, 1)]
    indices = [7, 6, 5, 4, 3, 2, 1, 0, 8]
    assert [shard.rank_indices(indices) for shard in train] == [[7, 6, 3, 2], [5, 4, 1, 0]]  # 8 fills no batch
    assert [len(shard) for shard in train] == [2, 2]
    valid = [ValidationShard(dls.valid, rank, 3) for rank in (0, 1, 2)]
    assert [shard.rank_indices([0, 1, 2, 3]) for shard in valid] == [[0, 3], [1], [2]]
    assert [len(shard) for shard in valid] == [1, 1, 1]


@pytest.fixture(scope="module")
def steps(tmp_path_factory) -> tuple[Path, Path]:
    "What one process and two made of the same step and validation."
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    subprocess.run([sys.executable, SEVERAL, folders[0]], check=True, capture_output=True)
    for process in start([SEVERAL, folders[1]], 2):
        output = process.communicate(timeout=300)
        assert process.returncode == 0, output
    return folders


@pytest.mark.slow
def test_gradients_are_those_of_one_process_on_the_same_batch(steps):
    one, two = (load_file(folder / "gradients.safetensors") for folder in steps)
    assert one.keys() == two.keys()
    for name in one:
        tolerance = 1e-5 * one[name].abs().max().item() + 1e-9
        torch.testing.assert_close(two[name], one[name], rtol=0, atol=tolerance, msg=name)


@pytest.mark.slow
def test_images_of_the_processes_are_disjoint_and_together_all(steps):
    one = json.loads((steps[0] / "names-0.json").read_text())
    parts = [json.loads((steps[1] / f"names-{rank}.json").read_text()) for rank in range(2)]
    for split in ("train", "valid"):
        names = parts[0][split] + parts[1][split]
        assert len(names) == len(set(names)) == len(one[split])
        assert sorted(names) == sorted(one[split])
    assert {*parts[0]["train"][:4], *parts[1]["train"][:4]} == set(one["train"][:8])  # the same batches


@pytest.mark.slow
def test_each_validation_image_is_counted_once(steps):
    one, two = (np.array(json.loads((folder / "confusion.json").read_text())) for folder in steps)
    assert one.sum() == two.sum() and (one.sum(1) == two.sum(1)).all()


def wait_for(file: Path, processes: list[subprocess.Popen]):
    while not file.exists() and all(process.poll() is None for process in processes): time.sleep(0.05)


@pytest.mark.slow
def test_a_lost_process_ends_the_others_in_one_message_and_the_run_goes_on(tmp_path):
    "From two processes to one."
    run = tmp_path / "run"
    first, second = both = start([*FIT, "--out", run], 2)
    wait_for(run / "previous.safetensors", both)
    time.sleep(1)
    second.kill()
    _, errors = first.communicate(timeout=60)
    second.communicate()
    assert first.returncode == 2
    assert errors.strip().splitlines()[-1].startswith("error: ") and "linknet-fastai resume" in errors
    assert "Traceback" not in errors
    epoch = Run.open(run).checkpoints.read().epoch
    [alone] = start([*RESUME, run], 1)
    wait_until_longer(run, epoch, [alone])
    alone.send_signal(signal.SIGTERM)
    alone.communicate()
    assert alone.returncode == 143


def wait_until_longer(run: Path, epochs: int, processes: list[subprocess.Popen]):
    while len(Run.open(run).history) <= epochs and all(process.poll() is None for process in processes): time.sleep(0.1)


@pytest.mark.slow
def test_a_signal_stops_all_processes_after_the_same_step_and_two_go_on_where_one_was(tmp_path):
    run = tmp_path / "run"
    [alone] = start([*FIT, "--out", run], 1)
    wait_for(run / "history.csv", [alone])
    alone.send_signal(signal.SIGINT)
    assert f"linknet-fastai resume {run}" in alone.communicate()[0]
    epoch = Run.open(run).checkpoints.read().epoch
    both = start([*RESUME, run], 2)
    wait_until_longer(run, epoch, both)
    both[1].send_signal(signal.SIGTERM)  # one is enough
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [143, 143], outputs
    assert f"linknet-fastai resume {run}" in outputs[0][0] and not outputs[1][0]
    history = pd.read_csv(run / "history.csv")
    assert list(history.epoch) == list(range(1, len(history) + 1))


DOCS = ROOT / "docs" / "distributed.md"
LINES = DOCS.read_text().splitlines() if DOCS.is_file() else []
LAUNCHES = [line.split() for line in LINES if "-m linknet_fastai fit camvid" in line]


def test_the_documentation_starts_several_processes_by_torchrun_and_accelerate():
    assert {words[0] for words in LAUNCHES} == {"torchrun", "accelerate"}


@pytest.mark.slow
@pytest.mark.parametrize("words", LAUNCHES, ids=lambda words: words[0])
def test_the_documentation_s_lines_start_two_processes_that_score_the_same_weights_as_one_does(words, tmp_path):
    "The history is of two, the final scores are of the first alone."
    launcher = [Path(sys.executable).with_name(words[0]), *words[1:words.index("linknet_fastai") + 1]]
    fit = [word if word != "40" else "2" for word in FIT[2:]]
    command = [*map(str, [*launcher, *fit, "--out", tmp_path / "run"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "2 processes, 2 images of each batch in each" in done.stdout and "FutureWarning" not in done.stderr
    run = Run.open(tmp_path / "run")
    assert run.history.miou.max() == pytest.approx(read_result(run).scores.miou, abs=1e-3)


def test_a_process_that_accelerate_started_alone_says_so(monkeypatch):
    "As `accelerate launch --num_processes 2` does on a CPU."
    machine = Machine(torch.device("cpu"), "fp32")
    for name in ("WORLD_SIZE", "MASTER_PORT"): monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "no")  # accelerate was asked for one
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with process_group(machine): pass
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.warns(Note, match="--multi_gpu"), process_group(machine): pass


@pytest.mark.parametrize("gpus, device, part", [(1, "cuda", "it has 1"), (2, "cuda:0", "'cuda:0'")])
def test_processes_that_would_share_a_gpu_are_refused(monkeypatch, gpus, device, part):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"): monkeypatch.setenv(name, "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(UserError) as raised, process_group(Machine(torch.device(device), "bf16")): pass
    assert "2 processes" in str(raised.value) and part in str(raised.value)


def test_a_batch_that_can_t_be_divided_is_refused(tiny_dataset, tmp_path, monkeypatch):
    "By each of two processes, before anything is written."
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("process_group", "main_process_first"):  # what waits for the other one
        monkeypatch.setattr(f"linknet_fastai.workflows.fit.{name}", lambda *words: nullcontext())
    recipe = Recipe(encoder="test_resnet", weights="none", epochs=1, size=(64, 64), batch_size=7)
    with pytest.raises(UserError, match="batch of 7 .*2 processes"):
        fit(tiny_dataset, recipe, Machine(torch.device("cpu"), "fp32"), FitOptions(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
