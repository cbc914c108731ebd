"Writing so that nothing half-written stands under its final name."

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from .errors import UserError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to: renamed to it at the end, removed if that isn't reached.

    What was written is on the disk before the name is, so that a machine that loses its power leaves the old file or
    the new one. The file has the permissions that the user's umask gives, whatever wrote it. `UserError` where it
    can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors writes for the owner alone
        fsync(temporary)
        os.replace(temporary, path)
        fsync(path.parent)
    except OSError as error:
        raise UserError(f"{path}: can't be written ({error.strerror or error}); "
                        "free some space or choose another folder.") from error
    finally:
        # where nothing can be written, nothing can be removed
        with suppress(OSError): temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path):
    "Remove what `atomic_write` to `path` left half-written in processes that were killed."
    for part in path.parent.glob(f".{path.name}.*.part{path.suffix}"):
        if not psutil.pid_exists(int(part.name.split(".")[-3])): part.unlink(missing_ok=True)


def fsync(path: Path):
    "Wait until a file, or the names in a folder, are on the disk."
    if path.is_dir() and os.name == "nt": return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try: os.fsync(descriptor)
    finally: os.close(descriptor)


def writable_folder(path: Path) -> Path:
    "The folder, made where it is missing; `UserError` where it can't be, or can't be written to."
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path): return path
    except OSError as error:
        raise UserError(f"{path}: can't be written to ({error.strerror}); choose another folder with "
                        "`--out`.") from error
