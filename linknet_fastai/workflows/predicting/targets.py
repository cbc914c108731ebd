"Which images are predicted, and which files are written for each."

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...deploy.output import FORMATS, Extra, OutputFormat
from ...errors import UserError, printable
from ...images.paths import find_images, listed_paths
from .options import Failed, PredictOptions
from .record import PredictRecord, state_of

LONGEST_NAME = 255  # bytes, of a file on every usual file system


@dataclass(frozen=True)
class Target:
    """An image that is predicted.

    `relative` is its path below the folder that it was found in. `files` are the format's, `extras` those of what is
    written beside. `certainty` is the model's, where it was asked for, and `state` the image's `state_of` before it was
    read.
    """

    image: Path
    relative: Path
    files: list[Path]
    extras: list[Path]
    certainty: float | None = None
    state: str = ""

    @property
    def all_files(self) -> list[Path]:
        "What is written for it."
        return [*self.files, *self.extras]

    @property
    def is_there(self) -> bool:
        "Whether all of its files are there, whatever they are of."
        return all(file.exists() for file in self.all_files)

    def is_done(self, record: PredictRecord, is_edited: bool) -> bool:
        """Whether all of its files are there, of this image as it is now, and by the same model.

        A file is there whole or not at all. Files that people edit are kept, however old and whoever made them.
        """
        if not self.is_there: return False
        if is_edited: return record.image_of(self.files[0]) in (None, os.path.realpath(self.image))
        state = state_of(self.image)
        return bool(state) and all(record.is_of(file, self.image, state) for file in self.all_files)


@dataclass(frozen=True)
class Targets:
    """What is to be predicted: `found` in order, `failed` that can't be, and how many were `skipped` as done.

    `others` is how many are made anew, since what is there is another image's, or made otherwise, or before it changed.
    """

    found: list[Target]
    failed: list[Failed]
    skipped: int
    others: int


class RealPaths:
    "Called with a path, where it leads; of many files in one folder that folder's is found once."

    def __init__(self): self.folder = lru_cache(os.path.realpath)  # not for longer: links and working folders change

    def __call__(self, path: Path) -> str:
        if path.is_symlink(): return os.path.realpath(path)
        return self.place(path)

    def place(self, path: Path) -> str:
        "Where a path stands, however it is written; of a link that is where the link stands."
        return os.path.join(self.folder(path.parent), path.name)


def find_targets(paths: list[Path], out: Path, options: PredictOptions, record: PredictRecord) -> Targets:
    """The files to write for each image among `paths`, and those that the options list.

    Images that are listed and aren't there fail, and those whose files would be another's, an image themselves, or have
    too long a name, or would be written over what the `record` doesn't know as it is. What is done already, by the
    record, is skipped, if the options say so. `UserError` where files are there that may hold corrections, and aren't
    skipped.
    """
    format, skipped, others = FORMATS[options.format], 0, 0
    found, failed = find_images(paths, out), []
    if options.listed: found += _listed(options.listed, out, failed)
    real, once = RealPaths(), {}
    for image, relative in found: once.setdefault(real.place(image), (image, relative))  # named twice, meant once
    images = list(once.values())
    taken = {real(image): image for image, _ in images}
    if format.shared: _refuse_doubles(images, out / format.shared)
    targets: list[Target] = []
    for image, relative in images:
        try:
            target = _target(image, relative, out, format, options.extras)
            for file in target.all_files: _refuse_taken(image, file, taken.get(real(file)))
            taken |= {real(file): image for file in target.all_files}
            if options.goes_on and target.is_done(record, format.is_edited):
                skipped += 1
                continue
            for file in target.extras if format.is_edited else target.all_files: _refuse_unknown(image, file, record)
        except UserError as error:
            failed.append(Failed(image, error.message))
            continue
        targets.append(target)
        others += options.goes_on and target.is_there
    if format.is_edited:
        for file in (file for target in targets for file in target.files): _refuse_overwriting(file)
    return Targets(targets, failed, skipped, others)


def _listed(file: Path, out: Path, failed: list[Failed]) -> list[tuple[Path, Path]]:
    "What a file lists, with paths below its folder, or names; what isn't there goes to `failed`."
    found = []
    for path in listed_paths(file):
        is_below = path.is_relative_to(file.parent) and ".." not in path.relative_to(file.parent).parts
        try: found += [(image, image.relative_to(file.parent) if is_below else relative)
                       for image, relative in find_images([path], out)]
        except UserError as error: failed.append(Failed(path, f"{error.message.rstrip('.')}; {file} lists it."))
        except OSError as error:
            failed.append(Failed(path, printable(f"{path}: can't be read ({error.strerror}); {file} lists it.")))
    return found


def _target(image: Path, relative: Path, out: Path, format: OutputFormat, extras: list[Extra]) -> Target:
    files = [out / name for name in format.names(relative, image)]
    return Target(image, relative, files, [out / extra.name(relative) for extra in extras])


def _refuse_taken(image: Path, file: Path, owner: Path | None):
    if len(os.fsencode(file.name)) > LONGEST_NAME:
        raise UserError(f"{image}: predicting it would write {file}, whose name is too long; rename the image.")
    if owner is not None:
        raise UserError(f"{image}: predicting it would write {file}, which is or belongs to {owner}; choose another "
                        "folder with `--out`, or predict them apart.")


def _refuse_unknown(image: Path, file: Path, record: PredictRecord):
    if not record.may_write(file):
        raise UserError(f"{image}: predicting it would write over {file}, which somebody made, or edited since it was "
                        "predicted; choose another folder with `--out`, or remove it.")


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
