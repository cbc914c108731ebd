"""How OpenMP's threads wait for each other: a training step alone, and beside other programs.

    python benchmarks/waiting.py runs/streets-1 --rounds 3

The step is that of the run, or without one `rapid`'s on CamVid. Each setting is a process of its own, since OpenMP
reads it when it starts; they take turns. The other programs compute without end, one a core, at the same priority and
then at nice 12.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict

SETTINGS = {"OpenMP's own": {"GOMP_SPINCOUNT": "300000"}, "linknet-fastai's": {},
            "a tenth of that": {"GOMP_SPINCOUNT": "1000"}, "none spins": {"GOMP_SPINCOUNT": "0"},
            "one thread": {"OMP_NUM_THREADS": "1"}}
BUSY = [sys.executable, "-c", "while True: pass"]


def milliseconds(run: list[str], settings: dict[str, str]) -> float:
    "A training step an image, as `linknet-fastai benchmark` prints it."
    printed = subprocess.run([sys.executable, "-m", "linknet_fastai", "benchmark", *run], env=os.environ | settings,
                             capture_output=True, text=True, check=True).stdout
    return float(re.search(r"training: +(\d+) ms", printed)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for others, nice in ((0, 0), (os.cpu_count(), 0), (os.cpu_count(), 12)):
        programs = [subprocess.Popen(["nice", "-n", str(nice), *BUSY]) for _ in range(others)]
        measured = defaultdict(list)
        for _ in range(arguments.rounds):
            for name, settings in SETTINGS.items(): measured[name].append(milliseconds(arguments.run, settings))
        for program in programs: program.kill()
        for name, values in measured.items():
            print(f"beside {others} programs at nice {nice:2}  {name:17} {statistics.median(values):5.0f} ms an image "
                  f"({min(values):.0f} to {max(values):.0f})", flush=True)


if __name__ == "__main__": main()
