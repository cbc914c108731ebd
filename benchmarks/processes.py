"""One training in one process and in two.

    python benchmarks/processes.py --epochs 5 --rounds 2

Each has all cores of this machine: one process as many threads as there are cores, two of them half as many each.
`streets` by its own settings. What is compared is the median of the epochs' seconds, but for the first.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd


def seconds(world_size: int, epochs: int) -> float:
    "Of an epoch."
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(world_size), "-m"]
        words = ["linknet_fastai", "fit", "streets", "--epochs", str(epochs), "--out", str(run)]
        threads = {"OMP_NUM_THREADS": str(max(1, os.cpu_count() // world_size))}
        subprocess.run(launch + words, check=True, stdout=subprocess.DEVNULL, env=os.environ | threads)
        return pd.read_csv(run / "history.csv").seconds[1:].median()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--epochs", type=int, default=5, help="2 or more, since the first is left out")
    arguments.add_argument("--rounds", type=int, default=2)
    given = arguments.parse_args()
    for number in range(1, given.rounds + 1):
        one, two = seconds(1, given.epochs), seconds(2, given.epochs)
        print(f"round {number}: an epoch takes one process {one:.1f} s, two {two:.1f} s: {one / two:.2f} times as fast",
              flush=True)


if __name__ == "__main__": main()
