"What a report shows of images: files of the gallery, errors and charts, as data URIs."

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ..errors import UserError
from ..images.data_uri import data_uri, image_uri
from ..images.grid import WRONG
from ..images.mask import VOID_GRAY
from ..images.opening import open_image, reading
from ..runs.reading import damaged
from .charts import without_glyph_warnings

RIGHT_INDEX, WRONG_INDEX, VOID_INDEX = 0, 1, 2  # of an error map


def read_mask(path: Path, size: tuple[int, int] | None = None) -> Image.Image:
    "A mask of the gallery; `UserError` where it is none, or not of this (width, height)."
    image = open_image(path)
    if image.mode != "P" or size not in (None, image.size): raise damaged(path, "it is no mask of its image")
    return image


def errors_uri(truth: Image.Image, prediction: Image.Image, num_classes: int) -> str:
    "An image with wrong pixels in red, void in gray, the rest transparent."
    true, given = np.asarray(truth), np.asarray(prediction)
    kinds = np.where(true == given, RIGHT_INDEX, WRONG_INDEX)
    kinds[true >= num_classes] = VOID_INDEX
    image = Image.fromarray(kinds.astype(np.uint8)).convert("P")
    image.putpalette([255, 255, 255, *WRONG, *[VOID_GRAY] * 3])
    return image_uri(image, "PNG", transparency=RIGHT_INDEX)


def file_uri(path: Path) -> str:
    "An image file as it is. A run may be a stranger's: what a symbolic link leads to stays out of the page."
    if path.is_symlink() or path.parent.is_symlink():
        raise UserError(f"{path}: is a link, and a report takes only what is in the run itself; put the file there.")
    with reading(path): content = path.read_bytes()
    return data_uri(content, "image/jpeg" if path.suffix == ".jpg" else "image/png")


def figure_uri(figure: Figure) -> str:
    "A chart as SVG; it is closed."
    content = io.BytesIO()
    with without_glyph_warnings(): figure.savefig(content, format="svg")
    plt.close(figure)
    return data_uri(content.getvalue(), "image/svg+xml")
