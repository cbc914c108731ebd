"glibc's malloc gives memory back when it is asked to, not after each step."

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from linknet_fastai.runtime.malloc import disable_malloc_trim
if sys.argv[1] == "no trim": disable_malloc_trim()
def step():
    blocks = [torch.ones(size << 20, dtype=torch.uint8) for size in (40, 60, 50, 33)]
    blocks[1] = None
    blocks.append(torch.ones(58 << 20, dtype=torch.uint8))
for _ in range(8): step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4): step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 4)
"""


def printed_number(*words: str) -> int:
    return int(subprocess.run([sys.executable, "-c", *words], capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's malloc")
def test_large_blocks_are_cleared_once_and_not_each_time():
    "A step asks for 241 MiB, 61,696 pages of 4 KiB."
    assert printed_number(FAULTS, "trim") > 60_000
    assert printed_number(FAULTS, "no trim") < 20_000


TRIMMED = """
import ctypes
import torch
from linknet_fastai.runtime.malloc import disable_malloc_trim, malloc_trim
def resident():
    "MiB."
    return int([line for line in open("/proc/self/status") if line.startswith("VmRSS")][0].split()[1]) // 1024
disable_malloc_trim()
malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype = ctypes.c_void_p
blocks, pins = [], []
for _ in range(6):
    blocks.append(torch.ones(40 << 20, dtype=torch.uint8))
    pins.append(malloc(ctypes.c_size_t(64)))  # a small thing that stays, after each large one
blocks.clear()
before = resident()
malloc_trim()
print(before - resident())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's malloc")
def test_malloc_trim_gives_back_large_blocks_also_between_what_stays():
    assert printed_number(TRIMMED) > 200  # of 6 x 40 MiB


def test_elsewhere_nothing_happens(monkeypatch):
    from linknet_fastai.runtime.malloc import disable_malloc_trim, malloc_trim
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("looked for glibc"))
    disable_malloc_trim()
    malloc_trim()
