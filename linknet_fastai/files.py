"Writing so that nothing half-written stands under its final name."

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    "A temporary path beside `path` to write to: renamed to it at the end, removed if that isn't reached."
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: can't be written ({error.strerror or error}); "
                        "free some space or choose another folder.") from error
    finally: temporary.unlink(missing_ok=True)


def writable_folder(path: Path) -> Path:
    "The folder, made where it is missing; `UserError` where it can't be, or can't be written to."
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path): return path
    except OSError as error:
        raise UserError(f"{path}: can't be written to ({error.strerror}); choose another folder with `--out`.") from error
