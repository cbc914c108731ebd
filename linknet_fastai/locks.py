"A file that one process at a time holds."

import fcntl
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import Note, UserError
from .files import NOT_SUPPORTED


class AlreadyLocked(Exception):
    "Another process holds the lock."


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[bool]:
    """Hold the lock file `path`, made where it is missing; whether it is held.

    It isn't where the file system knows no locks, of which a `Note` tells. A process that is gone holds nothing,
    whatever machine or container it was in: flock, which libraries of lock files wrap, but follow links for.

    Args:
        path: the lock file; stays when the lock is given back.
        wait: for another process that holds it; `AlreadyLocked` otherwise.

    `UserError` where it is a link or no file, or can't be made.
    """
    descriptor = _open(path)
    try: yield _is_held(descriptor, path, wait)
    finally: os.close(descriptor)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try: descriptor = os.open(path, flags, 0o666)
    except OSError as error: raise _refusal(path, error.strerror) from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode): return descriptor
    os.close(descriptor)
    raise _refusal(path, "is no regular file")


def _refusal(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: can't be locked ({reason}); remove it, or choose another folder.")


def _is_held(descriptor: int, path: Path, wait: bool) -> bool:
    try: fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error: raise AlreadyLocked from error
    except OSError as error:
        if error.errno not in NOT_SUPPORTED: raise _refusal(path, error.strerror) from error
        warnings.warn(Note(f"{path.parent}: its file system knows no locks, so nothing keeps a second process from "
                           "writing there"), stacklevel=4)
        return False
    return True
