"Predictions as files: masks in color, in the values of the training data or the Cityscapes server's, or polygons."

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import UserError
from ..files import atomic_write
from ..image_format import displayed
from ..images import to_palette_image
from ..runs.card import ModelCard
from .coco import coco_annotations, coco_content
from .geojson import geojson_content
from .labelme import labelme_content

OVERLAY = 0.5  # the mask's opacity


@dataclass(frozen=True)
class Predicted:
    """A prediction.

    `image` is the file, `relative` its path below the folder that it was found in, `pixels` what was read of it, uint8
    `[H,W,C]`, `mask` its classes, uint8 `[H,W]`.
    """

    image: Path
    relative: Path
    pixels: np.ndarray
    mask: np.ndarray
    card: ModelCard


@dataclass(frozen=True)
class OutputFormat:
    """How predictions are kept.

    `names` takes an image's relative path to the files that are written for it; `write` is called with a `Predicted`
    and those files. Where `shared` names a file for all images together, `finish` is called with it, what `write` gave
    for each image, and the card. `refusal` is why a model can't be used so, if it can't. People edit the files of an
    `is_edited` format, so they are never overwritten.
    """

    names: Callable[[Path], tuple[Path, ...]]
    write: Callable[..., Any]
    shared: str = ""
    finish: Callable[[Path, list, ModelCard], None] = lambda file, parts, card: None
    refusal: Callable[[ModelCard], str] = lambda card: ""
    is_edited: bool = False


def save_mask(mask: np.ndarray, palette, path: Path):
    "Write `mask`, uint8 `[H,W]`, to `path` as a PNG of class indices in the colors of `palette`."
    with atomic_write(path) as file: to_palette_image(mask, palette).save(file, format="PNG")


def save_overlay(image: Image.Image, mask: np.ndarray, palette, path: Path):
    """Write an image with the colors of its mask laid over it as a PNG.

    Args:
        image: in RGB.
        mask: its classes, uint8 `[H,W]` of the image's size.
        palette: a color a class.
        path: the file to write.
    """
    with atomic_write(path) as file: overlaid(image, mask, palette).save(file, format="PNG")


def overlaid(image: Image.Image, mask: np.ndarray, palette) -> Image.Image:
    "An image in RGB with the colors of its mask, uint8 `[H,W]`, laid over it."
    return Image.blend(image, Image.fromarray(np.array(palette, dtype=np.uint8)[mask]), OVERLAY)


def save_json(content: Any, path: Path):
    # a file's name that is no UTF-8 is escaped, as JSON has it
    text = json.dumps(content, ensure_ascii=False)
    with atomic_write(path) as file: file.write_text(text, encoding="utf-8", errors="backslashreplace")


def values_image(mask: np.ndarray, values: tuple) -> Image.Image:
    """Classes uint8 `[H,W]` as an image of the values that `ModelCard.values` has for them.

    Gray of 8 bits, or of 16 where a value needs them; RGB where values are colors.
    """
    is_small = np.max(values) < 256
    return Image.fromarray(np.array(values, dtype=np.uint8 if is_small else np.uint16)[mask])


def _mask_and_overlay(relative: Path) -> tuple[Path, Path]:
    return relative.with_suffix(".png"), relative.with_name(f"{relative.stem}_overlay.png")


def _write_mask_and_overlay(of: Predicted, mask_file: Path, overlay_file: Path):
    save_mask(of.mask, of.card.palette, mask_file)
    save_overlay(Image.fromarray(displayed(of.pixels)), of.mask, of.card.palette, overlay_file)


def _server_file(relative: Path) -> tuple[Path]:
    "The server finds files by the frame's name, in whatever folder, and takes one of that name only: no overlays."
    frame = re.match(r"[^_]+_\d{6}_\d{6}", relative.name)
    if frame is None:
        raise UserError(f"{relative}: is not named like a frame of Cityscapes, such as "
                        "berlin_000000_000019_leftImg8bit.png; name images of Cityscapes.")
    return (Path(f"{frame[0]}_labelIds.png"),)


def _write_values(of: Predicted, values: tuple, file: Path):
    with atomic_write(file) as aside: values_image(of.mask, values).save(aside, format="PNG")


def _without_ids(card: ModelCard) -> str:
    if card.ids is not None: return ""
    return f"a model of {card.protocol} doesn't know Cityscapes' ids; predict with one trained on it."


def _without_values(card: ModelCard) -> str:
    if card.values is not None: return ""
    return (f"a model of {card.protocol} doesn't say which values its classes had in the masks that it was trained on "
            "(it was saved before that was kept); train anew, or predict with `--format masks`.")


def _suffix(suffix: str) -> Callable[[Path], tuple[Path, ...]]:
    return lambda relative: (relative.with_suffix(suffix),)


FORMATS = {
    "masks": OutputFormat(_mask_and_overlay, _write_mask_and_overlay),
    "values": OutputFormat(_suffix(".png"), lambda of, file: _write_values(of, of.card.values, file),
                           refusal=_without_values),
    "labelme": OutputFormat(_suffix(".json"), lambda of, file: save_json(
        labelme_content(of.image, of.mask, of.card.classes, file), file), is_edited=True),
    "coco": OutputFormat(
        lambda relative: (), lambda of: (of.relative, of.mask.shape, coco_annotations(of.mask, of.card.classes)),
        "annotations.json", lambda file, parts, card: save_json(coco_content(parts, card.classes), file),
        is_edited=True),
    "geojson": OutputFormat(_suffix(".geojson"), lambda of, file: save_json(
        geojson_content(of.mask, of.card.classes), file), is_edited=True),
    "cityscapes": OutputFormat(_server_file, lambda of, file: _write_values(of, of.card.ids, file),
                               refusal=_without_ids),
}
