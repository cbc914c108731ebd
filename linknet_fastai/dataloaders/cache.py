"A cache of decoded images: in memory where they fit, else in a file that is mapped into it."

import os
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ..files import atomic_write, remove_leftovers, user_cache, writable_folder
from ..locks import locked
from ..runtime.distributed import world_size
from ..runtime.memory import available_memory

FRACTION = 0.5  # of the memory that is free now, for one split
KEY_BYTES = 32


def fits(size: int) -> bool:
    "Whether `size` bytes are kept in memory; several processes share a file rather than have a copy each."
    return world_size() == 1 and size < FRACTION * available_memory()


def cached(name: str, key: bytes, size: int, fill, in_memory: bool = True) -> np.ndarray:
    """Bytes, uint8 `[size]`, as `fill` leaves them; what doesn't fit in memory is a file in the user's cache.

    The file is there whole or not at all, whoever is killed or comes second; who has mapped an older one keeps it.

    Args:
        name: what is cached; each name has one file, and another beside it for less than that holds.
        key: all that the bytes depend on: the file is filled again only where this differs.
        size: their number.
        fill: called with an array to be filled.
        in_memory: whether they are kept in memory, where they fit.

    Raises `UserError` where the file can't be written.
    """
    if in_memory and fits(size):
        content = np.empty(size, np.uint8)
        fill(content)
        return content
    folder = writable_folder(user_cache("decoded"), "set XDG_CACHE_HOME to a folder that can be")
    file = folder / f"{blake2b(os.fsencode(name), digest_size=8).hexdigest()}.bin"
    key = blake2b(key, digest_size=KEY_BYTES).digest()
    with locked(file.with_suffix(".lock"), wait=True) as is_held:  # who comes second waits, and finds it
        if _holds_more(file, size): file = file.with_stem(f"{file.stem}-less")
        if not _is_of(file, key, size):
            if is_held: remove_leftovers(file)
            with atomic_write(file) as aside: _write(aside, key, size, fill)
        return np.memmap(file, np.uint8, mode="c", offset=KEY_BYTES)  # before another process may replace it


def _holds_more(file: Path, size: int) -> bool:
    "Then a few of its images, such as those of `show-batch`, leave it as it is."
    return file.is_file() and file.stat().st_size > KEY_BYTES + size


def _is_of(file: Path, key: bytes, size: int) -> bool:
    if not file.is_file() or file.stat().st_size != KEY_BYTES + size: return False
    with open(file, "rb") as content: return content.read(KEY_BYTES) == key


def _write(file: Path, key: bytes, size: int, fill):
    with open(file, "wb") as content:
        if hasattr(os, "posix_fallocate"):  # not on macOS: there a full disk says so by a signal later
            os.posix_fallocate(content.fileno(), 0, KEY_BYTES + size)
        else: content.truncate(KEY_BYTES + size)
        content.write(key)
    mapped = np.memmap(file, np.uint8, mode="r+", offset=KEY_BYTES)
    fill(mapped)
    mapped.flush()
