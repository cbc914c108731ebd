"A run's best model on image files and folders."

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.left_out import left_out
from ..deploy.output import FORMATS, OutputFormat, Predicted
from ..errors import Note, UserError, check_choice
from ..files import writable_folder
from ..images import find_images
from ..progress import Progress, silent

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


def predict(predictor: Predictor | ExportedPredictor, paths: list[Path], out: Path,
            options: PredictOptions = PredictOptions()) -> list[Written]:
    """Write a prediction for each image, below the folder `out`.

    Args:
        predictor: the model.
        paths: image files, and folders of them.
        out: the folder to write to.
        options: the format, and which images.

    Those that the model is least sure of are the first, where these are asked for. All images that can be read are
    done; `UserError` then names the first that can't. A `Note` tells what images hold that isn't predicted from.
    """
    check_choice("format", options.format, FORMATS)
    format, failed = FORMATS[options.format], []
    if refusal := format.refusal(predictor.card): raise UserError(refusal)
    if options.least_certain is not None and options.least_certain < 1:
        raise UserError(f"the {options.least_certain} least certain images are none; pass `--least-certain 1` or more.")
    targets = _targets(paths, out, format)
    if note := left_out([target.image for target in targets], predictor.card.channels):
        warnings.warn(Note(note), stacklevel=2)
    if options.least_certain is not None: targets = _least_certain(predictor, targets, options, failed)
    written = _write_all(predictor, targets, out, options, failed)
    if failed: raise failed[0]
    return written


def _least_certain(predictor: Predictor | ExportedPredictor, targets: list[Target], options: PredictOptions,
                   failed: list[UserError]) -> list[Target]:
    "So many targets as are asked for, with their certainties, in that order; errors go to `failed`."
    rated = []
    for target in options.progress(targets, len(targets)):
        try: certainty = predictor.certainty(target.image)
        except UserError as error: failed.append(error)
        else: rated.append(Target(target.image, target.relative, target.files, certainty))
    return sorted(rated, key=lambda target: target.certainty)[:options.least_certain]


def _write_all(predictor: Predictor | ExportedPredictor, targets: list[Target], out: Path, options: PredictOptions,
               failed: list[UserError]) -> list[Written]:
    "Errors of images go to `failed`."
    format, written, parts = FORMATS[options.format], [], []
    for target in options.progress(targets, len(targets)):
        try: mask = predictor(target.image)
        except UserError as error:
            failed.append(error)
            continue
        file = target.files[0] if target.files else out / format.shared
        writable_folder(file.parent)
        parts.append(format.write(Predicted(target.image, target.relative, mask, predictor.card), *target.files))
        written.append(Written(target.image, file, target.certainty))
    if format.shared and written: format.finish(out / format.shared, parts, predictor.card)
    return written


def _targets(paths: list[Path], out: Path, format: OutputFormat) -> list[Target]:
    "The files to write for each image; `UserError` where one is another's, an image itself, or may hold corrections."
    found = find_images(paths, out)
    taken = {image.resolve(): image for image, _ in found}
    if format.shared: _refuse_doubles(found, out / format.shared)
    targets = []
    for image, relative in found:
        files = [out / name for name in format.names(relative)]
        for file in files:
            if file.resolve() in taken:
                raise UserError(f"{image}: predicting it would write {file}, which is or belongs to "
                                f"{taken[file.resolve()]}; choose another folder with `--out`, or predict them apart.")
            taken[file.resolve()] = image
            if format.is_edited: _refuse_overwriting(file)
        targets.append(Target(image, relative, files))
    return targets


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
