"A model on image files and folders."

from itertools import chain, count
from pathlib import Path

import pandas as pd

from ..deploy.base_predictor import BasePredictor
from ..deploy.films.reader import SUFFIXES as FILMS
from ..deploy.georeference import lost_georeferences
from ..deploy.output import FORMATS
from ..errors import UserError, counted
from ..files import writable_folder, write_csv
from ..images.paths import not_looked_at
from .predicting.job import PredictJob, tell
from .predicting.options import Failed, PredictOptions, Written
from .predicting.record import PredictRecord, is_own_folder, maker
from .predicting.targets import find_targets

FAILED = ("failed.csv", "failed_images.csv")  # the second where somebody has a table of that name


class PartlyDone(UserError):
    "Some images are `written`, and `failed` are the others, which the file `table` lists."

    def __init__(self, written: list[Written], failed: list[Failed], table: Path):
        total = len(written) + len(failed)
        super().__init__(f"{table.parent}: {len(written)} of {counted(total, 'image')} predicted; {table.name} there "
                         f"lists the others, first {failed[0].problem}")
        self.written, self.failed = written, failed


def predict(predictor: BasePredictor, paths: list[Path], out: Path,
            options: PredictOptions = PredictOptions()) -> list[Written]:
    """Write a prediction for each image, below the folder `out`.

    Args:
        predictor: the model.
        paths: image files, folders of them, patterns such as `frames/*.png`.
        out: the folder to write to.
        options: the format, and which images.

    Those that the model is least sure of are the first, where these are asked for. All images that can be read are
    done; `PartlyDone` then lists the others. A `Note` tells what images hold that isn't predicted from, how many are of
    another scale than the training images, and how many were skipped.
    """
    format = FORMATS[options.format]
    if refusal := format.refusal(predictor.card): raise UserError(refusal)
    if options.probabilities or options.least_certain: predictor.check_probabilities()
    record = PredictRecord(out, maker(predictor, options.format), is_own_folder(predictor, out))
    targets = find_targets(paths, out, options, record)
    if targets.skipped: tell(f"{counted(targets.skipped, 'image')} predicted already, skipped")
    if targets.others:
        tell(f"{counted(targets.others, 'image')} predicted anew: what is there is of the image as it was, another "
             "image's, or by another model or other options")
    if note := not_looked_at(paths, FILMS, out): tell(note)
    if note := lost_georeferences([target.image for target in targets.found]): tell(note)
    job = PredictJob(predictor, out, options, record)
    for failed in targets.failed: job.fail(failed)
    found = targets.found
    if options.least_certain is not None: found = job.least_certain(found)
    try: job.write_all(found)
    finally: job.tell_notes()
    table = _list_failed(job.failed, out)
    if job.failed: raise PartlyDone(job.written, job.failed, table)
    return job.written


def _is_ours(file: Path) -> bool:
    "Whether a file lists images that failed, as below: somebody may have a table of that name."
    if not file.is_file(): return False
    with open(file, "rb") as content: return content.readline(100).strip() == b"image,problem"


def _list_failed(failed: list[Failed], out: Path) -> Path:
    "In `failed.csv`, or beside somebody's; that of an earlier time goes."
    names = chain(FAILED, (f"failed_images_{number}.csv" for number in count(2)))
    path = next(path for path in map(out.joinpath, names) if not path.exists() or _is_ours(path))
    if not failed:
        path.unlink(missing_ok=True)
        return path
    table = pd.DataFrame([(each.image, each.problem) for each in failed], columns=["image", "problem"])
    write_csv(writable_folder(out) / path.name, table)
    return path
