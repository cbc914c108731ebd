"Several processes have a GPU each, and are refused in one message where there are too few."

import subprocess
import sys

import pytest
import torch
from command_line import TINY

pytestmark = pytest.mark.cuda


def fit(processes: int, data, out) -> subprocess.CompletedProcess:
    "A training in so many processes, by torchrun."
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", processes, "-m"]
    words = ["linknet_fastai", "fit", "streets", "--data", data, *TINY, "--epochs", 2, "--device", "cuda", "--out", out]
    return subprocess.run([*map(str, [*launch, *words])], capture_output=True, text=True, timeout=300)


def test_more_processes_than_gpus_are_refused(data, tmp_path):
    "NCCL connects no two processes on one GPU."
    count = torch.cuda.device_count() + 1
    done = fit(count, data, tmp_path / "run")
    assert done.returncode and f"{count} processes on this machine need a GPU each" in done.stderr
    assert "NCCL" not in done.stderr and not (tmp_path / "run").exists()


def test_two_processes_on_two_gpus_train(data, tmp_path):
    if torch.cuda.device_count() < 2: pytest.skip("there is one GPU, and two processes need two")
    done = fit(2, data, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "scores.json").exists()
