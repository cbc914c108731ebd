"Predicted masks as files: class indices in color with overlays, or what the Cityscapes server takes."

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UserError
from ..files import atomic_write
from ..images import read_image, to_palette_image
from ..runs.weights import ModelCard

OVERLAY = 0.5  # the mask's opacity


@dataclass(frozen=True)
class OutputFormat:
    """How a prediction is kept.

    `names` takes an image's path, relative to the folder that it was found in, to the files that are written for it.
    `write` is called with the image's path, its mask uint8 `[H,W]`, the model's card, and those files.
    """

    names: Callable[[Path], tuple[Path, ...]]
    write: Callable[..., None]


def save_mask(mask: np.ndarray, palette, path: Path):
    "Write `mask`, uint8 `[H,W]`, to `path` as a PNG of class indices in the colors of `palette`."
    with atomic_write(path) as file: to_palette_image(mask, palette).save(file, format="PNG")


def save_overlay(image: Path, mask: np.ndarray, palette, path: Path):
    """Write an image with the colors of its mask laid over it as a PNG.

    Args:
        image: its file.
        mask: its classes, uint8 `[H,W]` of the image's size.
        palette: a color a class.
        path: the file to write.
    """
    colors = Image.fromarray(np.array(palette, dtype=np.uint8)[mask])
    with atomic_write(path) as file: Image.blend(read_image(image), colors, OVERLAY).save(file, format="PNG")


def _mask_and_overlay(relative: Path) -> tuple[Path, Path]:
    return relative.with_suffix(".png"), relative.with_name(f"{relative.stem}_overlay.png")


def _write_mask_and_overlay(image: Path, mask: np.ndarray, card: ModelCard, mask_file: Path, overlay_file: Path):
    save_mask(mask, card.palette, mask_file)
    save_overlay(image, mask, card.palette, overlay_file)


def _server_file(relative: Path) -> tuple[Path]:
    "The server finds files by the frame's name, in whatever folder, and takes one of that name only: no overlays."
    frame = re.match(r"[^_]+_\d{6}_\d{6}", relative.name)
    if frame is None:
        raise UserError(f"{relative}: is not named like a frame of Cityscapes, such as "
                        "berlin_000000_000019_leftImg8bit.png; name images of Cityscapes.")
    return (Path(f"{frame[0]}_labelIds.png"),)


def _write_ids(image: Path, mask: np.ndarray, card: ModelCard, file: Path):
    ids = np.array(card.ids, dtype=np.uint8)[mask]
    with atomic_write(file) as aside: Image.fromarray(ids).save(aside, format="PNG")


FORMATS = {"masks": OutputFormat(_mask_and_overlay, _write_mask_and_overlay),
           "cityscapes": OutputFormat(_server_file, _write_ids)}
