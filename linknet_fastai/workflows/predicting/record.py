"Which image each prediction in a folder is of, and what made it: what `--continue` and writing over go by."

import csv
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from hashlib import blake2b
from pathlib import Path
from threading import Lock

from ...datasets.scan import file_state
from ...deploy.base_predictor import BasePredictor
from ...errors import UserError
from ...files import digest, refuse_irregular

FILE, COLUMNS = ".predicted.csv", ["file", "image", "made_by", "digest", "image_state"]
OWN_FOLDER = "predictions"  # of a run, where they lie if nothing else is said
DIGEST = 8  # bytes: enough to tell models apart
ENCODING = dict(encoding="utf-8", errors="surrogateescape", newline="")  # names of files may be no UTF-8


def maker(predictor: BasePredictor, format: str) -> str:
    "A short word for what makes predictions: the model's files, how it looks at images, and the format."
    made_of = predictor.options, format, *map(digest, predictor.files)
    return blake2b(repr(made_of).encode(), digest_size=DIGEST).hexdigest()


def state_of(image: Path) -> str:
    "What a file's size and times are; empty where there is none."
    return " ".join(map(str, file_state(image) or ()))


def is_own_folder(predictor: BasePredictor, out: Path) -> bool:
    "Whether `out` is the folder that a run keeps predictions in, where nobody else writes."
    return any(out.resolve() == file.parent.resolve() / OWN_FOLDER and (file.parent / "config.json").is_file()
               for file in predictor.files)


@dataclass(frozen=True)
class Line:
    """What is known of a file: its image, its maker, the digest of what was written, and its image's `state_of`.

    Without an image, its writing was begun, and the digest is of what lay there before.
    """

    image: str = ""
    made_by: str = ""
    digest: str = ""
    image_state: str = ""


class PredictRecord:
    """The file `.predicted.csv` in the folder `out`: a line a file that was written, with its image and its maker.

    A line is added when its prediction is whole, and one that knows nothing of it before it is written, so that they
    are true whenever the program ends; the last of a file's counts. `UserError` where it can't be read or written.
    Several threads may add. With `takes_unknown`, files that it doesn't know are taken for an earlier version's.
    """

    def __init__(self, out: Path, made_by: str, takes_unknown: bool = False):
        self.out, self.made_by, self.path, self.takes_unknown = out, made_by, out / FILE, takes_unknown
        self.lock = Lock()
        self.lines = {row[0]: Line(*row[1:]) for row in self._read() if len(row) == len(COLUMNS)}  # others are cut

    def image_of(self, file: Path) -> str | None:
        "Where the image lies that `file` is the prediction of; None where it isn't known."
        return self._line(file).image or None

    def is_of(self, file: Path, image: Path, state: str) -> bool:
        "Whether `file` was made of `image` in this `state_of` it, by this maker."
        line = self._line(file)
        return (line.image, line.made_by, line.image_state) == (os.path.realpath(image), self.made_by, state)

    def may_write(self, file: Path) -> bool:
        "Whether nothing that somebody made or edited is lost where `file` is written."
        if not os.path.lexists(file): return True
        return self._is_as_written(file) if self._name(file) in self.lines else self.takes_unknown

    def is_beside(self, file: Path, other: Path) -> bool:
        "Whether `other` was written together with `file`, and is as it was written."
        line, its = self._line(file), self._line(other)
        if not line.image or (line.image, line.made_by) != (its.image, its.made_by): return False
        return other.is_file() and self._is_as_written(other)

    def begin(self, files: Iterable[Path]):
        "What is about to be written, of which nothing is known until it is whole."
        self._append({self._name(file): Line(digest=_written(file)) for file in files})

    def add(self, files: Iterable[Path], image: Path, state: str = ""):
        "What was written for an image, and the `state_of` it before it was read."
        place = os.path.realpath(image)
        self._append({self._name(file): Line(place, self.made_by, _written(file), state) for file in files})

    def _line(self, file: Path) -> Line:
        return self.lines.get(self._name(file), Line())

    def _is_as_written(self, file: Path) -> bool:
        return self._line(file).digest in ("", _written(file))  # empty: nothing lay there when its writing was begun

    def _append(self, lines: dict[str, Line]):
        if not lines: return
        refuse_irregular(self.path)
        rows = [[name, *astuple(line)] for name, line in lines.items()]
        try:
            with self.lock, open(self.path, "a", **ENCODING) as file:
                if file.tell() == 0: csv.writer(file).writerow(COLUMNS)
                elif not self._ends_whole(): file.write("\n")
                csv.writer(file).writerows(rows)
        except OSError as error:
            raise UserError(f"{self.path}: can't be written ({error.strerror}); free some space or choose another "
                            "folder with `--out`.") from error
        self.lines |= lines

    def _name(self, file: Path) -> str: return file.relative_to(self.out).as_posix()

    def _read(self) -> list[list[str]]:
        if not self.path.exists(): return []
        refuse_irregular(self.path)
        try:
            with open(self.path, **ENCODING) as file: return list(csv.reader(file))
        except (OSError, csv.Error) as error:
            raise UserError(f"{self.path}: can't be read ({error}); choose another folder with `--out`.") from error

    def _ends_whole(self) -> bool:
        "Not where the program was killed, or the disk full, within a line."
        with open(self.path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"


def _written(file: Path) -> str:
    "The digest of a file; empty where there is none."
    return digest(file) if file.is_file() else ""
