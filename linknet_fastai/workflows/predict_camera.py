"A run's best model on what a camera sees, in a window or as a film."

import warnings
from collections.abc import Callable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from ..deploy.base_predictor import BasePredictor
from ..deploy.films.camera import TICK, Camera, camera_pixels
from ..deploy.films.frame import FilmFormat, Frame
from ..deploy.films.window import Window
from ..deploy.output import overlaid
from ..deploy.scale import other_scale
from ..errors import Note, UserError
from ..runs.card import ModelCard
from ..training.signals import Signals
from .predict_film import FilmOptions, PredictedFilm, check_film_options, film_target, masks_of, written_film
from .predicting.film_record import film_record, recorded

RATE = 30  # frames a second, of which a camera film says it has about so many


def camera_number(path: Path) -> int | None:
    "The number of the camera that a path such as `0` stands for; None where it is another, or a file."
    name = str(path)
    return int(name) if name.isascii() and name.isdigit() and not path.exists() else None


def predict_camera(predictor: BasePredictor, number: int, out: Path | None = None,
                   options: FilmOptions = FilmOptions(), open_pixels: Callable = camera_pixels) -> PredictedFilm:
    """Show masks laid over what a camera sees in a window; or write that as a film, or the masks by frame.

    Args:
        predictor: the model.
        number: of the camera; the first is 0.
        out: None for a window; else as for `predict_film`.
        options: what is written.
        open_pixels: gives the frames of the camera of that number, RGB uint8 `[H,W,3]`.

    It goes on until Ctrl-C or SIGTERM, a key q or the window's end, after which the film is complete. Frames that come
    while the model works are left out. `UserError` where there is no such camera, no window can be shown, or a film
    would be written over that isn't as it was predicted; what was written before a camera was lost is kept.
    """
    check_film_options(predictor.card, options)
    if out is None and options.frames: raise UserError("masks by frame need a folder; pass `--out`.")
    name, mask_of, count = Path(f"camera{number}"), masks_of(predictor, options.smooth), 0
    file = None if out is None else film_target(name, out, options)
    record = None if out is None else film_record(predictor, file, out, options.frames)
    with Signals() as signals, Camera(open_pixels(number)) as camera:
        frames = camera.frames(lambda: signals.received is not None)
        if (first := next(frames, None)) is not None:
            with recorded(record, file, name), _target(name, file, first, predictor.card, options) as target:
                for frame in options.progress(chain([first], frames), 0):
                    mask = mask_of(frame)
                    if count == 0 and (note := other_scale(mask.shape, predictor.card, predictor.is_tiled)):
                        warnings.warn(Note(f"{name}: {note}"), stacklevel=2)
                    target.write(frame, mask)
                    count += 1
                    if file is None and target.is_closed: break
    if camera.error is not None: raise camera.error
    if not count: raise UserError(f"camera {number}: gave no frame; try another one.")
    return PredictedFilm(name, file, count)


class OverlayWindow(Window):
    "A window with masks laid over what a camera sees."

    def __init__(self, title: str, card: ModelCard):
        super().__init__(title)
        self.card = card

    def write(self, frame: Frame, mask: np.ndarray):
        self.show(overlaid(Image.fromarray(frame.pixels), mask, self.card.palette))


def _target(name: Path, file: Path | None, first: Frame, card: ModelCard, options: FilmOptions):
    if file is None: return OverlayWindow(f"{name} (q ends it)", card)
    format = FilmFormat(first.pixels.shape[:2], TICK, Fraction(RATE))
    return written_film(file, name, format, [], card, options)
