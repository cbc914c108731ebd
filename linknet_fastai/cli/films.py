"Films and cameras among what `predict` gets."

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import UserError
from .console import console, rated


def split_paths(paths: list[Path]) -> tuple[list[Path], list[Path], list[int]]:
    "Images and folders of them, films, and cameras; `UserError` where a camera isn't alone."
    from ..workflows.predict_camera import camera_number
    from ..workflows.predict_film import is_film
    cameras = [number for path in paths if (number := camera_number(path)) is not None]
    if cameras and len(paths) > 1:
        raise UserError(f"camera {cameras[0]}: is predicted until you end it; name nothing beside it.")
    films = [path for path in paths if is_film(path)]
    rest = [path for path in paths if not cameras and path not in films]
    return rest, [each for film in films for each in _matches(film)], cameras


def _matches(film: Path) -> list[Path]:
    "A film, or those that a pattern of them matches."
    from ..images.paths import is_pattern, matches_of
    if not is_pattern(film): return [film]
    found = matches_of(film)
    if not found: raise UserError(f"{film}: no film matches that; check the pattern.")
    return found


def check_flags(images, films: list, out: Path | None, for_films: tuple[bool, int], for_images: dict[str, Any]):
    "`UserError` for flags, `--frames` and `--smooth` or those `for_images`, that are for other things than are named."
    frames, smooth = for_films
    given = next((flag for flag, value in for_images.items() if value), None)
    if films and given: raise UserError(f"{given} is for images; predict films without it.")
    if not films and (frames or smooth != 1):
        raise UserError(f"{'--frames' if frames else '--smooth'} is for films, and none is named; leave it out.")
    if films and out is not None and out.suffix.lower() == ".mp4" and (images or len(films) > 1):
        raise UserError(f"{out}: is one film, and more is named; pass a folder as `--out`.")


def print_film(done):
    "Print what was written of a film, if it wasn't only shown."
    if done.file is not None: console.print(f"written: {done.file}")


@dataclass
class Problems:
    "What goes wrong with one of several things, kept until the others are done."

    errors: list[UserError] = field(default_factory=list)

    @contextmanager
    def later(self) -> Iterator[None]:
        try: yield
        except UserError as error: self.errors.append(error)

    def check(self):
        "Raise what went wrong; of several errors all are printed."
        if not self.errors: return
        if len(self.errors) == 1: raise self.errors[0]
        for error in self.errors: console.print(f"failed:   {error}")
        raise UserError(f"{len(self.errors)} of what was named failed, first {self.errors[0]}")


def predict_films(predictor, films: list[Path], out: Path, options, problems: Problems):
    "Each film for itself."
    from ..workflows.predict_film import predict_film
    for film in films:
        with problems.later():
            print_film(predict_film(predictor, film, out, replace(options, progress=rated(film.name, "frame"))))


def predict_cameras(predictor, cameras: list[int], out: Path | None, options):
    "One camera, until it is ended."
    from ..workflows.predict_camera import predict_camera
    for number in cameras:
        shown = replace(options, progress=rated(f"camera {number} (Ctrl-C ends it)", "frame"))
        print_film(predict_camera(predictor, number, out, shown))
