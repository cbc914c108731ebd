"A run's best model on image files and folders."

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..datasets.left_out import left_out
from ..deploy.output import FORMATS, OutputFormat, Predicted
from ..errors import Note, UserError, check_choice, printable
from ..files import atomic_write, writable_folder
from ..images import find_images
from ..progress import Progress, silent
from ..runtime.memory import is_out_of_memory

FAILED = "failed.csv"
LONGEST_NAME = 255  # bytes, of a file on every usual file system

if TYPE_CHECKING:  # of which the second needs no torch
    from ..deploy.predictor import Predictor
    from .open_predictor import ExportedPredictor


@dataclass(frozen=True)
class PredictOptions:
    """What is written, and of which images.

    `format` is one of `FORMATS`:
    - `masks`: `NAME.png` with class indices in color, and `NAME_overlay.png`;
    - `values`: `NAME.png` with the values, or colors, that the masks had that the model was trained on;
    - `labelme`: `NAME.json`, `geojson`: `NAME.geojson`, `coco`: `annotations.json` for all images: polygons;
    - `cityscapes`: what the benchmark's server takes, `CITY_SEQUENCE_FRAME_labelIds.png` with its ids.
    `least_certain` is how many images to write, those that the model is least sure of (`Predictor.certainty`); None
    means all. `progress` shows how far it is.
    """

    format: str = "masks"
    least_certain: int | None = None
    progress: Progress = silent


@dataclass(frozen=True)
class Written:
    "An image, the file of its prediction, and, where it was asked for, how sure the model is of it."

    image: Path
    file: Path
    certainty: float | None = None


@dataclass(frozen=True)
class Target:
    "An image, its path relative to the folder that it was found in, the files to write, and the model's certainty."

    image: Path
    relative: Path
    files: list[Path]
    certainty: float | None = None


@dataclass(frozen=True)
class Failed:
    "An image, and why there is no prediction of it."

    image: Path
    problem: str


class PartlyDone(UserError):
    "Some images are `written`, and `failed` are the others; `failed.csv` in the folder of the predictions lists these."

    def __init__(self, written: list[Written], failed: list[Failed], out: Path):
        total = len(written) + len(failed)
        super().__init__(f"{out}: {len(written)} of {total} images are predicted; {FAILED} there lists the others, "
                         f"first {failed[0].problem}")
        self.written, self.failed = written, failed


def predict(predictor: Predictor | ExportedPredictor, paths: list[Path], out: Path,
            options: PredictOptions = PredictOptions()) -> list[Written]:
    """Write a prediction for each image, below the folder `out`.

    Args:
        predictor: the model.
        paths: image files, and folders of them.
        out: the folder to write to.
        options: the format, and which images.

    Those that the model is least sure of are the first, where these are asked for. All images that can be read are
    done; `PartlyDone` then lists the others. A `Note` tells what images hold that isn't predicted from.
    """
    check_choice("format", options.format, FORMATS)
    format, failed = FORMATS[options.format], []
    if refusal := format.refusal(predictor.card): raise UserError(refusal)
    if options.least_certain is not None and options.least_certain < 1:
        raise UserError(f"the {options.least_certain} least certain images are none; pass `--least-certain 1` or more.")
    targets = _targets(paths, out, format, failed)
    if note := left_out([target.image for target in targets], predictor.card.channels):
        warnings.warn(Note(note), stacklevel=2)
    if options.least_certain is not None: targets = _least_certain(predictor, targets, options, failed)
    written = _write_all(predictor, targets, out, options, failed)
    _list_failed(failed, out)
    if failed: raise PartlyDone(written, failed, out)
    return written


def _list_failed(failed: list[Failed], out: Path):
    "In `failed.csv`; that of an earlier time goes."
    if not failed: return (out / FAILED).unlink(missing_ok=True)
    table = pd.DataFrame([(each.image, each.problem) for each in failed], columns=["image", "problem"])
    with atomic_write(writable_folder(out) / FAILED) as file:
        table.to_csv(file, index=False, errors="surrogateescape")


@contextmanager
def _one_by_one(target: Target, failed: list[Failed]) -> Iterator[None]:
    "What goes wrong with one image goes to `failed`, and no further."
    try: yield
    except UserError as error: failed.append(Failed(target.image, error.message))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error): raise
        failed.append(Failed(target.image, printable(f"{target.image}: is too large for this machine's memory; cut it "
                                                     "into parts.")))


def _least_certain(predictor: Predictor | ExportedPredictor, targets: list[Target], options: PredictOptions,
                   failed: list[Failed]) -> list[Target]:
    "So many targets as are asked for, with their certainties, in that order; errors go to `failed`."
    rated = []
    for target in options.progress(targets, len(targets)):
        with _one_by_one(target, failed): rated.append(replace(target, certainty=predictor.certainty(target.image)))
    return sorted(rated, key=lambda target: target.certainty)[:options.least_certain]


def _write_all(predictor: Predictor | ExportedPredictor, targets: list[Target], out: Path, options: PredictOptions,
               failed: list[Failed]) -> list[Written]:
    "Errors of images go to `failed`; one of the disk ends it."
    format, written, parts = FORMATS[options.format], [], []
    for target in options.progress(targets, len(targets)):
        predicted = None
        with _one_by_one(target, failed):
            pixels = predictor.read(target.image)  # once: its file may be written anew meanwhile
            predicted = Predicted(target.image, target.relative, pixels, predictor.predict(pixels), predictor.card)
        if predicted is None: continue
        file = target.files[0] if target.files else out / format.shared
        writable_folder(file.parent)
        parts.append(format.write(predicted, *target.files))
        written.append(Written(target.image, file, target.certainty))
    if format.shared and written: format.finish(out / format.shared, parts, predictor.card)
    return written


def _targets(paths: list[Path], out: Path, format: OutputFormat, failed: list[Failed]) -> list[Target]:
    """The files to write for each image; those for which there are none go to `failed`.

    That are images whose files would be another's, an image themselves, or have too long a name. `UserError` where
    files are there that may hold corrections.
    """
    found = find_images(paths, out)
    taken = {image.resolve(): image for image, _ in found}
    if format.shared: _refuse_doubles(found, out / format.shared)
    targets = []
    for image, relative in found:
        target = Target(image, relative, [out / name for name in format.names(relative)])
        if format.is_edited:
            for file in target.files: _refuse_overwriting(file)
        with _one_by_one(target, failed):
            for file in target.files: _refuse_taken(image, file, taken)
            taken |= {file.resolve(): image for file in target.files}
            targets.append(target)
    return targets


def _refuse_taken(image: Path, file: Path, taken: dict[Path, Path]):
    if len(os.fsencode(file.name)) > LONGEST_NAME:
        raise UserError(f"{image}: predicting it would write {file}, whose name is too long; rename the image.")
    if file.resolve() in taken:
        raise UserError(f"{image}: predicting it would write {file}, which is or belongs to {taken[file.resolve()]}; "
                        "choose another folder with `--out`, or predict them apart.")


def _refuse_doubles(found: list[tuple[Path, Path]], file: Path):
    "Two images of one name in a file that is shared, or a file that is there."
    _refuse_overwriting(file)
    first: dict[Path, Path] = {}
    for image, relative in found:
        if first.setdefault(relative, image) != image:
            raise UserError(f"{image}: would be called {relative} in {file}, as {first[relative]} is; predict them "
                            "apart, with another `--out` each.")


def _refuse_overwriting(file: Path):
    if file.exists():
        raise UserError(f"{file}: is there already, and may hold corrections; choose another folder with `--out`, or "
                        "remove it.")
