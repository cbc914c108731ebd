"Predictions as files: masks in color, in the values of the training data or the Cityscapes server's, or polygons."

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import UserError
from ..files import atomic_write, write_text
from ..images.format import FormattedRows, displayed
from ..images.mask import Palette, to_palette_image
from ..images.resize import LONGEST_JPEG
from ..images.shrink import shrunk, shrunk_mask
from ..runs.card import ModelCard
from .annotations.coco import coco_annotations, coco_content
from .annotations.geojson import geojson_content
from .annotations.labelme import labelme_content
from .georeference import Georeference, NoDegrees, keeps_georeference, save_geotiff

OVERLAY = 0.5  # the mask's opacity
LARGEST, LONGEST = 16_000_000, 4096  # pixels of an overlay as large as its image, and of a side of a smaller one
GEOTIFF = ".tif"
FAST, RLE = 1, 3  # zlib's level: of overlays the last tenth of the bytes costs most of the time


@dataclass(frozen=True)
class Predicted:
    """A prediction.

    `image` is the file, `relative` its path below the folder that it was found in, `pixels` what was read of it, uint8
    `[H,W,C]`, or what gives rows of that, `mask` its classes, uint8 `[H,W]`, `probabilities`, where they are asked for,
    float32 `[C,H,W]`, `place` the image's `georeference`, if it has one.
    """

    image: Path
    relative: Path
    pixels: np.ndarray | FormattedRows
    mask: np.ndarray
    card: ModelCard
    probabilities: np.ndarray | None = None
    place: Georeference | None = None


@dataclass(frozen=True)
class Extra:
    "A file that is written beside those of a format: the image's name with `ending`, by `write`."

    ending: str
    write: Callable[[Predicted, Path], None]

    def name(self, relative: Path) -> Path:
        "The file's path for an image's."
        return relative.with_name(f"{relative.stem}{self.ending}")


@dataclass(frozen=True)
class OutputFormat:
    """How predictions are kept.

    `names` takes an image's relative path, and its file, to the files that are written for it; `write` is called with a
    `Predicted` and those files. Where `shared` names a file for all images together, `finish` is called with it, what
    `write` gave for each image, and the card. `refusal` is why a model can't be used so, if it can't. People edit the
    files of an `is_edited` format, so they are never overwritten.
    """

    names: Callable[[Path, Path], tuple[Path, ...]]
    write: Callable[..., Any]
    shared: str = ""
    finish: Callable[[Path, list, ModelCard], None] = lambda file, parts, card: None
    refusal: Callable[[ModelCard], str] = lambda card: ""
    is_edited: bool = False


def save_mask(mask: np.ndarray, palette: Palette, path: Path):
    "Write `mask`, uint8 `[H,W]`, to `path` as a PNG of class indices in the colors of `palette`."
    with atomic_write(path) as file: to_palette_image(mask, palette).save(file, format="PNG")


def save_overlay(of: Predicted, path: Path, **options: Any):
    """Write an image with the colors of its mask laid over it, in Pillow's format and `options`.

    One of more than 16 megapixels, or longer than a JPEG can be, is shrunk, so that no side is longer than 4096 pixels.
    """
    is_large = of.mask.size > LARGEST or max(of.mask.shape) > LONGEST_JPEG
    longest = LONGEST if is_large else max(of.mask.shape)
    image = Image.fromarray(displayed(shrunk(of.pixels, longest)))
    image = overlaid(image, shrunk_mask(of.mask, longest), of.card.palette)
    with atomic_write(path) as file: image.save(file, **options)


def overlaid(image: Image.Image, mask: np.ndarray, palette: Palette) -> Image.Image:
    "An image in RGB with the colors of its mask, uint8 `[H,W]`, laid over it."
    return Image.blend(image, Image.fromarray(np.array(palette, dtype=np.uint8).take(mask, axis=0)), OVERLAY)


def save_probabilities(of: Predicted, path: Path):
    "Write all classes' probabilities, float16 `[C,H,W]`, and the classes' names, as a NumPy file without pickle."
    with atomic_write(path) as file, open(file, "wb") as content:
        np.savez_compressed(content, probabilities=of.probabilities.astype(np.float16), classes=of.card.classes)


def save_confidence(of: Predicted, path: Path):
    "Write the probability of each pixel's class as a gray PNG of 8 bits: 255 is 1."
    gray = np.round(of.probabilities.max(0) * 255).astype(np.uint8)
    with atomic_write(path) as file: Image.fromarray(gray).save(file, format="PNG")


def save_json(content: Any, path: Path):
    "Write `content` as JSON, with letters of all languages as they are."
    write_text(path, json.dumps(content, ensure_ascii=False))


def values_of(mask: np.ndarray, values: tuple) -> np.ndarray:
    """Classes uint8 `[H,W]` as the values that `ModelCard.values` has for them.

    `[H,W]` of 8 bits, or of 16 where a value needs them; RGB `[H,W,3]` where values are colors.
    """
    is_small = np.max(values) < 256
    return np.array(values, dtype=np.uint8 if is_small else np.uint16)[mask]


def _server_file(relative: Path, image: Path) -> tuple[Path]:
    "The server finds files by the frame's name, in whatever folder, and takes one of that name only: no overlays."
    frame = re.match(r"[^_]+_\d{6}_\d{6}", relative.name)
    if frame is None:
        raise UserError(f"{relative}: is not named like a frame of Cityscapes, such as "
                        "berlin_000000_000019_leftImg8bit.png; name images of Cityscapes.")
    return (Path(f"{frame[0]}_labelIds.png"),)


def _write_values(of: Predicted, values: tuple, file: Path):
    found = values_of(of.mask, values)
    if file.suffix == GEOTIFF: return save_geotiff(found, of.place, file)
    with atomic_write(file) as aside: Image.fromarray(found).save(aside, format="PNG")


def _write_mask(of: Predicted, file: Path):
    if file.suffix == GEOTIFF: save_geotiff(of.mask, of.place, file, of.card.palette)
    else: save_mask(of.mask, of.card.palette, file)


def _write_geojson(of: Predicted, file: Path):
    try: save_json(geojson_content(of.mask, of.card.classes, of.place), file)
    except NoDegrees as error: raise UserError(f"{of.image}: {error.message}") from error


def _without_ids(card: ModelCard) -> str:
    if card.ids is not None: return ""
    return f"a model of {card.protocol} doesn't know Cityscapes' ids; predict with one trained on it."


def _without_values(card: ModelCard) -> str:
    if card.values is not None: return ""
    return (f"a model of {card.protocol} doesn't say which values its classes had in the masks that it was trained on "
            "(it was saved before that was kept); train anew, or predict with `--format masks`.")


def _suffix(suffix: str) -> Callable[[Path, Path], tuple[Path, ...]]:
    return lambda relative, image: (relative.with_suffix(suffix),)


def _raster(relative: Path, image: Path) -> tuple[Path]:
    "A PNG; of a georeferenced image, where that can be kept, a GeoTIFF."
    return (relative.with_suffix(GEOTIFF if keeps_georeference(image) else ".png"),)


EXTRAS = {
    "overlay-png": Extra("_overlay.png", partial(save_overlay, format="PNG", compress_level=FAST, compress_type=RLE)),
    "overlay-jpeg": Extra("_overlay.jpg", partial(save_overlay, format="JPEG", quality=90)),
    "probabilities-npz": Extra("_probabilities.npz", save_probabilities),
    "probabilities-png": Extra("_confidence.png", save_confidence),
}
FORMATS = {
    "masks": OutputFormat(_raster, _write_mask),
    "values": OutputFormat(_raster, lambda of, file: _write_values(of, of.card.values, file), refusal=_without_values),
    "labelme": OutputFormat(_suffix(".json"), lambda of, file: save_json(
        labelme_content(of.image, of.mask, of.card.classes, file), file), is_edited=True),
    "coco": OutputFormat(
        lambda relative, image: (), lambda of: (of.relative, of.mask.shape, coco_annotations(of.mask, of.card.classes)),
        "annotations.json", lambda file, parts, card: save_json(coco_content(parts, card.classes), file),
        is_edited=True),
    "geojson": OutputFormat(_suffix(".geojson"), _write_geojson, is_edited=True),
    "cityscapes": OutputFormat(_server_file, lambda of, file: _write_values(of, of.card.ids, file),
                               refusal=_without_ids),
}
