"What is written of predictions, and what is told of each."

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...deploy.output import EXTRAS, FORMATS, Extra
from ...errors import UserError, check_choice
from ...progress import Progress, silent

OVERLAYS, PROBABILITIES = ("png", "jpeg", "none"), ("npz", "png")


@dataclass(frozen=True)
class PredictOptions:
    """What is written, and of which images.

    `format` is one of `FORMATS`:
    - `masks`: `NAME.png` with class indices in color, and `NAME_overlay.png`, or `.jpg`, as `overlays` says;
    - `values`: `NAME.png` with the values, or colors, that the masks had that the model was trained on;
    - `labelme`: `NAME.json`, `geojson`: `NAME.geojson`, `coco`: `annotations.json` for all images: polygons;
    - `cityscapes`: what the benchmark's server takes, `CITY_SEQUENCE_FRAME_labelIds.png` with its ids.
    `least_certain` is how many images to write, those that the model is least sure of (`Predictor.certainty`); None
    means all. `overlays` is `png`, `jpeg` or `none`. `probabilities` is `npz` (float16, of all classes) or `png` (8
    bits, of the class that was chosen), beside the format's files. With `goes_on` what is there already is skipped.
    `listed` is a text file with more images, one a line.
    `progress` shows how far it is, and `observe` is called with each `Written` or `Failed`. `UserError` for anything
    else.
    """

    format: str = "masks"
    least_certain: int | None = None
    overlays: str = "png"
    probabilities: str | None = None
    goes_on: bool = False
    listed: Path | None = None
    progress: Progress = silent
    observe: Callable[[Written | Failed], None] = lambda result: None

    def __post_init__(self):
        check_choice("format", self.format, FORMATS)
        check_choice("kind of overlays", self.overlays, OVERLAYS)
        if self.probabilities is not None: check_choice("kind of probabilities", self.probabilities, PROBABILITIES)
        if self.least_certain is not None and self.least_certain < 1:
            raise UserError(f"the {self.least_certain} least certain images are none; pass `--least-certain 1` or "
                            "more.")
        if self.least_certain is not None and self.goes_on:
            raise UserError("the least certain images are chosen among all, and those that are predicted already "
                            "aren't rated; leave out `--continue`, or `--least-certain`.")
        if self.overlays == "jpeg" and self.format != "masks":
            raise UserError(f"`--format {self.format}` has no overlays; leave out `--jpeg-overlays`.")
        if self.format == "cityscapes" and self.probabilities == "png":
            raise UserError("`--format cityscapes`: the server takes one PNG a frame, and would find two; pass "
                            "`--probabilities npz`, or leave it out.")
        if self.goes_on and FORMATS[self.format].shared:
            raise UserError(f"`--format {self.format}` writes all images into one file, which can't be continued; "
                            "leave out `--continue`.")

    @property
    def extras(self) -> list[Extra]:
        "What is written for an image beside the format's files."
        overlay = [f"overlay-{self.overlays}"] if self.format == "masks" and self.overlays != "none" else []
        return [EXTRAS[name] for name in overlay + [f"probabilities-{self.probabilities}"] * bool(self.probabilities)]


@dataclass(frozen=True)
class Failed:
    "An image, and why there is no prediction of it."

    image: Path
    problem: str


@dataclass(frozen=True)
class Written:
    """An image, the file of its prediction, its (height, width), and how many pixels have each class.

    `certainty` is how sure the model is of it, where that was asked for.
    """

    image: Path
    file: Path
    size: tuple[int, int]
    pixels: tuple[int, ...]
    certainty: float | None = None
