"How OpenMP's threads wait for each other."

import os

SPINS = "1000"  # a few microseconds


def wait_briefly():
    """Have threads that wait sleep soon, in the place of computing nothing; before torch is imported, for this process.

    GNU's OpenMP, which torch is built with on Linux, spins for milliseconds at each end of a parallel loop. Where
    another program wants the core, the thread that all wait for gets less of it: beside two others a training step
    takes 1.3 times as long; alone it gains nothing by it, or a tenth on some virtual machines, where
    `GOMP_SPINCOUNT=200000` brings that back (`benchmarks/waiting.py`). A setting of the user's own stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ: os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
