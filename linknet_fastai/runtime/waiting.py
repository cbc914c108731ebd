"How OpenMP's threads wait for each other."

import os

SPINS = "10000"  # a tenth of a millisecond, or a few


def wait_briefly():
    """Have threads that wait sleep soon, in the place of computing nothing; before torch is imported, for this process.

    GNU's OpenMP, which torch is built with on Linux, spins for milliseconds at each end of a parallel loop. Where
    another program wants the core, the thread that all wait for gets less of it: beside two others a training step took
    1.3 to 19 times as long. With nothing beside it one of small images takes a sixth longer where threads sleep sooner
    than this (`benchmarks/waiting.py`). A setting of the user's own stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ: os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
