"Films in the record of their folder, so that somebody's are not written over."

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...deploy.base_predictor import BasePredictor
from ...errors import UserError
from ...files import writable_folder
from .record import PredictRecord, is_own_folder

MADE_BY = "a film"  # whatever the model: films are never skipped


def film_record(predictor: BasePredictor, file: Path, out: Path, frames: bool) -> PredictRecord | None:
    """What knows the films in the folder `out`; None where `file` is named itself, or is a folder of `frames`.

    `UserError` where the file is there, and isn't as it was written there.
    """
    if file == out or frames: return None
    record = PredictRecord(out, MADE_BY, is_own_folder(predictor, out))
    if not record.may_write(file):
        raise UserError(f"{file}: is there already, and somebody made it, or edited it since it was predicted; choose "
                        "another folder with `--out`, or name the file itself to have it written over.")
    return record


@contextmanager
def recorded(record: PredictRecord | None, file: Path, film: Path) -> Iterator[None]:
    "What is written to `file` in here is known by the record, if there is one, to be the film's."
    if record is not None:
        writable_folder(record.out)
        record.begin([file])
    yield
    if record is not None: record.add([file], film)
