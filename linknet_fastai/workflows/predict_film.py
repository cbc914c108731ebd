"A run's best model on a film: an overlay film, or the masks by frame."

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..deploy.base_predictor import BasePredictor
from ..deploy.films.frame import FilmFormat, Frame
from ..deploy.films.frame_folder import FRAME_FORMATS, FrameFolder
from ..deploy.films.reader import SUFFIXES, FilmReader
from ..deploy.films.smooth import Smoothed, check_smooth
from ..deploy.films.writer import FilmWriter
from ..deploy.output import FORMATS, overlaid
from ..deploy.scale import other_scale
from ..errors import Note, UserError, check_choice
from ..files import atomic_write, writable_folder
from ..progress import Progress, silent
from ..runs.card import ModelCard
from .predicting.film_record import film_record, recorded
from .predicting.overlap import ahead

AHEAD = 4  # frames that wait for the model, and masks that wait to be written


@dataclass(frozen=True)
class FilmOptions:
    """What is written of a film.

    With `frames` a folder `NAME/` of masks in `format`, one of `FRAME_FORMATS`, in the place of the film `NAME.mp4`
    with the masks laid over it. Masks are by the mean of the last `smooth` frames' probabilities. `progress` is given
    the frames, and their number, or 0 where it is unknown.
    """

    format: str = "masks"
    frames: bool = False
    smooth: int = 1
    progress: Progress = silent


@dataclass(frozen=True)
class PredictedFilm:
    "A film, what was written of it, None where it was shown in a window, and its number of frames."

    film: Path
    file: Path | None
    frames: int


def is_film(path: Path) -> bool:
    "Whether a file is a film, by its name."
    return path.suffix.lower() in SUFFIXES


def predict_film(predictor: BasePredictor, film: Path, out: Path,
                 options: FilmOptions = FilmOptions()) -> PredictedFilm:
    """Write a film with masks laid over it, or the masks of its frames, below the folder `out`.

    Args:
        predictor: the model.
        film: its file.
        out: the folder to write to, or, where it ends in `.mp4`, the film to write.
        options: what is written.

    Frames keep their number, order and times, and the sound is kept. A film of which something can't be read is written
    as far as it can be; then `UserError` tells. It also tells of a film that can't be read at all, of a model that
    takes other images than films hold, and of a film in the folder `out` that would be written over and isn't as it was
    predicted there.
    """
    check_film_options(predictor.card, options)
    file = film_target(film, out, options)
    if file.resolve() == film.resolve():
        raise UserError(f"{film}: its prediction would be written over it; choose another folder with `--out`.")
    record = film_record(predictor, file, out, options.frames)
    with FilmReader(film) as reader:
        number = 0
        with (recorded(record, file, film),
              written_film(file, film, reader.format, reader.sound, predictor.card, options) as target,
              closing(ahead(_predicted(predictor, ahead(reader, AHEAD), options.smooth), AHEAD)) as steps):
            for frame, mask in options.progress(_without_sound(steps, target), reader.count):
                if number == 0 and (note := other_scale(mask.shape, predictor.card, predictor.is_tiled)):
                    warnings.warn(Note(f"{film}: {note}"), stacklevel=2)
                target.write(frame, mask)
                number += 1
    if reader.problem:
        raise UserError(f"{film}: is damaged: {reader.problem}; {file} holds the {number} frames that could be read.")
    return PredictedFilm(film, file, number)


def check_film_options(card: ModelCard, options: FilmOptions):
    "`UserError` for options that don't fit films, or a model that doesn't."
    check_choice("format", options.format, FORMATS)
    check_smooth(options.smooth)
    if not card.takes_photos:
        raise UserError(f"films have colors of 8 bits, and the model was trained on {card.channels} channels"
                        f"{'' if card.value_range is None else ' of more bits'}; predict with another one.")
    if refusal := FORMATS[options.format].refusal(card): raise UserError(refusal)
    if options.frames and options.format not in FRAME_FORMATS:
        raise UserError(f"--format {options.format}: names image files, and a film has none; pass "
                        f"{', '.join(FRAME_FORMATS)}, or predict images.")
    if not options.frames and options.format != "masks":
        raise UserError(f"--format {options.format}: is for single frames; pass `--frames` too.")


def film_target(film: Path, out: Path, options: FilmOptions) -> Path:
    "What is written of a film: `out` itself where that is named as a film, or the film's name below it."
    if out.suffix.lower() == ".mp4" and not options.frames: return out
    if is_film(out):
        raise UserError(f"{out}: is a folder of frames with `--frames`, and an .mp4 file without; name a folder, or a "
                        "file that ends in .mp4, with `--out`.")
    return out / (film.stem if options.frames else f"{film.stem}.mp4")


def refuse_doubles(films: list[Path], out: Path, options: FilmOptions):
    "`UserError` where two films would be written to one file."
    taken: dict[Path, Path] = {}
    for film in films:
        file = film_target(film, out, options)
        if (other := taken.setdefault(file, film)) is not film:
            raise UserError(f"{film}: predicting it would write {file}, as {other} does; predict them apart, with "
                            "another `--out` each.")


def masks_of(predictor: BasePredictor, smooth: int) -> Callable[[Frame], np.ndarray]:
    "What gives the mask of each frame of one film, in their order."
    predict = predictor.predict if smooth == 1 else Smoothed(predictor, smooth)
    return lambda frame: predict(predictor.read(frame.pixels))


class OverlayFilm:
    "A film that is being written, with masks laid over its frames."

    def __init__(self, writer: FilmWriter, card: ModelCard):
        self.writer, self.card, self.copy = writer, card, writer.copy

    def write(self, frame: Frame, mask: np.ndarray):
        overlay = overlaid(Image.fromarray(frame.pixels), mask, self.card.palette)
        self.writer.write(replace(frame, pixels=np.asarray(overlay)))


@contextmanager
def written_film(file: Path, film: Path, format: FilmFormat, sound: list, card: ModelCard, options: FilmOptions
                 ) -> Iterator[OverlayFilm | FrameFolder]:
    "What takes frames, masks and packets of sound; complete under its name once the context is left well."
    if options.frames:
        folder = FrameFolder(file, film, options.format, card)
        yield folder
        folder.finish()
    else:
        writable_folder(file.parent)
        with atomic_write(file) as aside, FilmWriter(aside, format, sound) as writer: yield OverlayFilm(writer, card)


def _predicted(predictor: BasePredictor, items: Iterator, smooth: int) -> Iterator:
    "Each frame with its mask; packets of sound as they are."
    mask_of = masks_of(predictor, smooth)
    with closing(items):
        for item in items: yield (item, mask_of(item)) if isinstance(item, Frame) else item


def _without_sound(steps: Iterable, target: OverlayFilm | FrameFolder) -> Iterator[tuple[Frame, np.ndarray]]:
    for step in steps:
        if isinstance(step, tuple): yield step
        else: target.copy(step)
