"Several processes on GPUs, as torchrun starts them."

import subprocess
import sys

import pytest
import torch
from command_line import TINY

from linknet_fastai.runs.run import Run


def started(processes: int, *words) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m",
               "linknet_fastai", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_each_process_needs_a_gpu_of_its_own(data, tmp_path):
    "NCCL refuses two on one."
    done = started(torch.cuda.device_count() + 1, "fit", "folder", "--data", data, *TINY, "--out", tmp_path / "run")
    assert done.returncode != 0 and "needs one of its own" in done.stderr and "--device cpu" in done.stderr


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_train_together_by_nccl(data, tmp_path, processes):
    if processes > torch.cuda.device_count(): pytest.skip(f"there are no {processes} GPUs here")
    done = started(processes, "fit", "folder", "--data", data, *TINY, "--epochs", 2, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert Run.open(tmp_path / "run").is_scored
