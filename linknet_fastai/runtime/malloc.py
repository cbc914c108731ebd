"glibc's malloc, kept from giving a training step's memory back to the system."

import ctypes
import sys
from collections.abc import Callable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
NEVER, ONE_GIBIBYTE = 2**31 - 1, 2**30


def disable_malloc_trim():
    """Have glibc keep large blocks when they are freed, for this process.

    It gives those of more than 32 MiB back to the system at once, so each training step asks for its activations anew,
    and the kernel clears every page of them: more than a quarter of a step on a CPU (`benchmarks/malloc.py`). PyTorch
    reuses memory itself on GPUs only. Nothing happens where there is no glibc.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is None: return
    mallopt(M_MMAP_THRESHOLD, ONE_GIBIBYTE)
    mallopt(M_TRIM_THRESHOLD, NEVER)


def malloc_trim():
    """Have glibc give what it keeps back to the system, once.

    Small things that stay, such as each step's loss, lie between the large blocks and keep them from being joined:
    without this a process grows by 0.1 GiB an epoch of CamVid.
    """
    trim = _of_glibc("malloc_trim")
    if trim is not None: trim(0)


def _of_glibc(name: str) -> Callable | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
