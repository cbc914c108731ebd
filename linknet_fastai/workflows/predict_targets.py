"Which images are predicted, and which files are written for each."

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..deploy.output import FORMATS, Extra, OutputFormat
from ..errors import UserError
from ..images import find_images, listed_paths
from .predict_options import Failed, PredictOptions

LONGEST_NAME = 255  # bytes, of a file on every usual file system


@dataclass(frozen=True)
class Target:
    """An image that is predicted.

    `relative` is its path below the folder that it was found in. `files` are the format's, `extras` those of what is
    written beside. `certainty` is the model's, where it was asked for.
    """

    image: Path
    relative: Path
    files: list[Path]
    extras: list[Path]
    certainty: float | None = None

    @property
    def is_done(self) -> bool:
        "Whether all of its files are there, and the image isn't newer; a file is there whole or not at all."
        with suppress(OSError):
            return min(map(_written_at, [*self.files, *self.extras])) >= _written_at(self.image)
        return False


@dataclass(frozen=True)
class Targets:
    """What is to be predicted: `found` in order, `failed` that can't be, and how many were `skipped` as done."""

    found: list[Target]
    failed: list[Failed]
    skipped: int


def find_targets(paths: list[Path], out: Path, options: PredictOptions) -> Targets:
    """The files to write for each image among `paths`, and those that the options list.

    Images that are listed and aren't there fail, and those whose files would be another's, an image themselves, or have
    too long a name. What is done already is skipped, if the options say so. `UserError` where files are there that may
    hold corrections, and aren't skipped.
    """
    format, extras, goes_on = FORMATS[options.format], options.extras, options.goes_on
    images = find_images(paths, out)
    targets = Targets([], [], 0)
    if options.listed: images += _listed(options.listed, targets.failed)
    taken = {os.path.realpath(image): image for image, _ in images}
    if format.shared: _refuse_doubles(images, out / format.shared)
    skipped = 0
    for image, relative in images:
        try: target = _target(image, relative, out, format, extras)
        except UserError as error:
            targets.failed.append(Failed(image, error.message))
            continue
        if goes_on and (target.is_done or (format.is_edited and all(file.exists() for file in target.files))):
            skipped += 1
            taken |= {os.path.realpath(file): image for file in [*target.files, *target.extras]}
            continue
        if format.is_edited:
            for file in target.files: _refuse_overwriting(file)
        try:
            for file in [*target.files, *target.extras]: _refuse_taken(image, file, taken)
        except UserError as error: targets.failed.append(Failed(image, error.message))
        else:
            taken |= {os.path.realpath(file): image for file in [*target.files, *target.extras]}
            targets.found.append(target)
    return Targets(targets.found, targets.failed, skipped)


def _listed(file: Path, failed: list[Failed]) -> list[tuple[Path, Path]]:
    "Images that a file lists, with their paths below its folder, or their names; what isn't there goes to `failed`."
    paths = listed_paths(file)
    failed += [Failed(path, f"{path}: there is no such file; correct {file}.") for path in paths if not path.is_file()]
    return [(path, path.relative_to(file.parent) if ".." not in path.parts and path.is_relative_to(file.parent)
             else Path(path.name)) for path in paths if path.is_file()]


def _target(image: Path, relative: Path, out: Path, format: OutputFormat, extras: list[Extra]) -> Target:
    files = [out / name for name in format.names(relative, image)]
    return Target(image, relative, files, [out / extra.name(relative) for extra in extras])


def _written_at(path: Path) -> int:
    return path.stat().st_mtime_ns


def _refuse_taken(image: Path, file: Path, taken: dict[str, Path]):
    if len(os.fsencode(file.name)) > LONGEST_NAME:
        raise UserError(f"{image}: predicting it would write {file}, whose name is too long; rename the image.")
    if owner := taken.get(os.path.realpath(file)):
        raise UserError(f"{image}: predicting it would write {file}, which is or belongs to {owner}; choose another "
                        "folder with `--out`, or predict them apart.")


def _refuse_doubles(images: list[tuple[Path, Path]], file: Path):
    "Two images of one name in a file that is shared, or a file that is there."
    _refuse_overwriting(file)
    first: dict[Path, Path] = {}
    for image, relative in images:
        if first.setdefault(relative, image) != image:
            raise UserError(f"{image}: would be called {relative} in {file}, as {first[relative]} is; predict them "
                            "apart, with another `--out` each.")


def _refuse_overwriting(file: Path):
    if file.exists():
        raise UserError(f"{file}: is there already, and may hold corrections; choose another folder with `--out`, or "
                        "remove it.")
