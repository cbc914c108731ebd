"How much memory is left, and whether an error says that none is."

from collections.abc import Iterator
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")


def available_memory() -> int:
    "Bytes that this process may still take: the machine's, or fewer where its control group (a container) has fewer."
    return min([psutil.virtual_memory().available, *_left_in_groups(CGROUPS, Path("/proc/self/cgroup"))])


def _left_in_groups(root: Path, own: Path) -> Iterator[int]:
    "Bytes left in the process's control group, of version 2 or 1, and in each above it; pages of files can be dropped."
    for folder, limit, usage, droppable in _groups(root, own):
        try:
            most = (folder / limit).read_text().strip()
            if most == "max": continue
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            used = int((folder / usage).read_text()) - int(statistics.get(droppable, 0))
        except (OSError, ValueError): continue  # not there, or not for us
        yield max(0, int(most) - used)


def _groups(root: Path, own: Path) -> Iterator[tuple[Path, str, str, str]]:
    "Folders of control groups, each with the names of its limit, its usage, and its droppable pages."
    try: lines = own.read_text().splitlines()
    except OSError: return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "": base, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else: continue
        folder = base / path.lstrip("/")
        while folder.is_relative_to(base):
            yield folder, *names
            folder = folder.parent


def is_out_of_memory(error: BaseException) -> bool:
    "Whether it says that memory is full, in Python's, numpy's or torch's words."
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error) or "out of memory" in str(error)
