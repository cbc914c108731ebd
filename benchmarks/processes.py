"""One training in one process and in two: `python benchmarks/processes.py [EPOCHS]`.

Each has all cores of this machine: one process as many threads as there are cores, two of them half as many each. `streets` in batches
of 8, the `rapid` recipe. What is compared is the median of the epochs' seconds, the first left out.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

EPOCHS, ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5, 2


def seconds(processes: int) -> float:
    "Of an epoch."
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        subprocess.run([sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes), "-m", "linknet_fastai", "fit",
                        "streets", "--epochs", str(EPOCHS), "--out", str(run)], check=True, capture_output=True,
                       env=os.environ | {"OMP_NUM_THREADS": str(os.cpu_count() // processes)})
        return pd.read_csv(run / "history.csv").seconds[1:].median()


if __name__ == "__main__":
    for number in range(ROUNDS):
        one, two = seconds(1), seconds(2)
        print(f"round {number + 1}: an epoch takes one process {one:.1f} s, two {two:.1f} s: {one / two:.2f} times as fast", flush=True)
