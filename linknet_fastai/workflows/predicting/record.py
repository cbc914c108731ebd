"Which image each prediction in a folder is of, and what made it: what `--continue` goes by."

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ...errors import UserError
from ...files import digest, refuse_irregular

if TYPE_CHECKING:
    from ...deploy.base_predictor import BasePredictor

FILE, COLUMNS = ".predicted.csv", ["file", "image", "made_by"]
DIGEST = 8  # bytes: enough to tell models apart
ENCODING = dict(encoding="utf-8", errors="surrogateescape", newline="")  # names of files may be no UTF-8


def maker(predictor: BasePredictor, format: str) -> str:
    "A short word for what makes predictions: the model's files, how it looks at images, and the format."
    made_of = predictor.options, format, *map(digest, predictor.files)
    return blake2b(repr(made_of).encode(), digest_size=DIGEST).hexdigest()


class PredictRecord:
    """The file `.predicted.csv` in the folder `out`: a line a file that was written, with its image and its maker.

    A line is added when its prediction is whole, and one that knows nothing of it before it is written anew, so that
    they are true whenever the program ends; the last of a file's counts. `UserError` where it can't be read or written.
    Several threads may add.
    """

    def __init__(self, out: Path, made_by: str):
        self.out, self.made_by, self.path = out, made_by, out / FILE
        self.lock = Lock()
        self.lines = {row[0]: tuple(row[1:]) for row in self._read() if len(row) == len(COLUMNS)}

    def image_of(self, file: Path) -> str | None:
        "Where the image lies that `file` is the prediction of; None where it isn't known."
        return self.lines.get(self._name(file), (None,))[0]

    def is_of(self, file: Path, image: Path) -> bool:
        "Whether `file` was made of `image` by this maker."
        return self.lines.get(self._name(file)) == (os.path.realpath(image), self.made_by)

    def add(self, files: Iterable[Path], image: Path):
        "What was written for an image."
        self._append([[self._name(file), os.path.realpath(image), self.made_by] for file in files])

    def forget(self, files: Iterable[Path]):
        "What is about to be written anew."
        if known := [name for name in map(self._name, files) if name in self.lines]:
            self._append([[name, "", ""] for name in known])

    def _append(self, rows: list[list[str]]):
        refuse_irregular(self.path)
        try:
            with self.lock, open(self.path, "a", **ENCODING) as file:
                if file.tell() == 0: csv.writer(file).writerow(COLUMNS)
                elif not self._ends_whole(): file.write("\n")
                csv.writer(file).writerows(rows)
        except OSError as error:
            raise UserError(f"{self.path}: can't be written ({error.strerror}); free some space or choose another "
                            "folder with `--out`.") from error
        self.lines |= {name: (image, made_by) for name, image, made_by in rows}

    def _name(self, file: Path) -> str: return file.relative_to(self.out).as_posix()

    def _read(self) -> list[list[str]]:
        if not self.path.exists(): return []
        refuse_irregular(self.path)
        try:
            with open(self.path, **ENCODING) as file: return list(csv.reader(file))
        except (OSError, csv.Error) as error:
            raise UserError(f"{self.path}: can't be read ({error}); remove it to have all predicted anew.") from error

    def _ends_whole(self) -> bool:
        "Not where the program was killed, or the disk full, within a line."
        with open(self.path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"
