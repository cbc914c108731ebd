"Large blocks of memory, kept for the next step."

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
NEVER, ONE_GIBIBYTE = 2**31 - 1, 2**30


def keep_freed_memory():
    """Have glibc keep blocks of more than 32 MiB when they are freed, for this process.

    It gives them back to the system at once, so each training step asks for its activations anew, and the kernel clears
    every page of them: a fifth of a step on a CPU (`benchmarks/memory.py`). PyTorch reuses memory itself on GPUs only.
    Nothing happens where there is no glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None: return
    mallopt(M_MMAP_THRESHOLD, ONE_GIBIBYTE)
    mallopt(M_TRIM_THRESHOLD, NEVER)
