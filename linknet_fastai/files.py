"Writing so that nothing half-written stands under its final name, and nothing but a plain file is written over."

import errno
import glob
import os
import secrets
import stat
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from .errors import Note, UserError

if TYPE_CHECKING:
    import pandas as pd

NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK)  # of a file system, not of a file
CHUNK = 1 << 20  # bytes that are hashed at once
KEPT_OF_NAME = 40  # letters of a file's name in that of its temporary file, which must not be too long


class NotWritten(UserError):
    "A file or a folder can't be written, or must not be."


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to: renamed to it at the end, removed if that isn't reached.

    What was written is on the disk before the name is, so that a machine that loses its power leaves the old file or
    the new one. The file has the permissions that the user's umask gives, whatever wrote it. `NotWritten` where it
    can't be, and where `path` is there and is no regular file: links and devices are never written over.
    """
    refuse_irregular(path)
    temporary = path.with_name(f".{path.name[:KEPT_OF_NAME]}.{secrets.token_hex(8)}.part{path.suffix[:KEPT_OF_NAME]}")
    try:
        _create(temporary)
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors writes for the owner alone
        fsync(temporary)
        os.replace(temporary, path)
        fsync(path.parent)
    except OSError as error:
        raise NotWritten(f"{path}: can't be written ({error.strerror or error}); "
                         "free some space or choose another folder.") from error
    finally:
        # where nothing can be written, nothing can be removed
        with suppress(OSError): temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path, first_wins: bool = False) -> Iterator[Path]:
    """The path of a folder to be, beside `folder`: renamed to it at the end, removed if that isn't reached.

    `OSError` where it can't be written, and where it is there at the end, unless `first_wins`: then that one stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
        fresh = Path(aside) / folder.name
        yield fresh
        try: fresh.rename(folder)
        except OSError:
            if not (first_wins and folder.is_dir()): raise


def write_csv(path: Path, table: "pd.DataFrame", **options: Any):
    "Write the columns of `table` as pandas does with these options, without its index, whatever bytes its names have."
    with atomic_write(path) as file: table.to_csv(file, errors="surrogateescape", **({"index": False} | options))


def write_text(path: Path, text: str):
    "Write `text` as UTF-8; of a file's name that is none, its bytes as backslash escapes, which JSON reads."
    with atomic_write(path) as file: file.write_text(text, encoding="utf-8", errors="backslashreplace")


def refuse_irregular(path: Path):
    "`NotWritten` where `path` is there and is a link, a device, a pipe or a folder."
    try: is_regular = stat.S_ISREG(path.lstat().st_mode)
    except OSError: return  # not there, or the writing says why it can't be
    if not is_regular:
        raise NotWritten(f"{path}: is no regular file but {kind_of_file(path)}, which isn't written over; move it "
                         "away, or name another file.")


def refuse_link(path: Path):
    "`NotWritten` where `path` is a link: what is written in a run folder stays in it."
    if path.is_symlink():
        raise NotWritten(f"{path}: is a link, and nothing is written through a link in a run folder; put a real file "
                         "or folder there.")


def kind_of_file(path: Path) -> str:
    "What a path is that is no regular file."
    kinds = {"a link": Path.is_symlink, "a folder": Path.is_dir, "a pipe": Path.is_fifo, "a socket": Path.is_socket}
    return next((name for name, is_one in kinds.items() if is_one(path)), "a device")


def _create(path: Path):
    "A new, empty file: O_EXCL opens nothing that is there, and follows no link."
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))


def remove_leftovers(path: Path):
    """Remove what `atomic_write` to `path` left half-written in processes that were killed.

    Only for who holds a lock without which nobody writes to `path`: no name tells whether its writer lives.
    """
    for part in path.parent.glob(f".{glob.escape(path.name[:KEPT_OF_NAME])}.*.part{glob.escape(path.suffix)}"):
        with suppress(OSError):
            if stat.S_ISREG(part.lstat().st_mode): part.unlink()


def digest(path: Path) -> str:
    "BLAKE2b of a file's bytes, by which it is known again: sizes and times can't tell whether it was edited."
    found = blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK): found.update(chunk)
    return found.hexdigest()


def fsync(path: Path):
    "Wait until a file, or the names in a folder, are on the disk; a `Note` where its file system can't tell."
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try: os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED: raise
        _note_without_fsync(path if path.is_dir() else path.parent)
    finally: os.close(descriptor)


@cache  # once a folder
def _note_without_fsync(folder: Path):
    warnings.warn(Note(f"{folder}: its file system can't say when files are on the disk, so a lost machine may cost "
                       "the last of them"), stacklevel=3)


def writable_folder(path: Path, remedy: str = "choose another folder with `--out`") -> Path:
    "The folder, made where it is missing; `NotWritten` with the `remedy` where it can't be, or can't be written to."
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path): return path
    except OSError as error:
        raise NotWritten(f"{path}: can't be written to ({error.strerror}); {remedy}.") from error


def user_cache(*names: str) -> Path:
    "What has these names in the user's cache folder; it may not be there."
    return platformdirs.user_cache_path("linknet-fastai").joinpath(*names)
