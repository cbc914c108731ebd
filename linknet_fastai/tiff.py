"TIFF files that Pillow can't read, or not all of: any number of channels, of any depth, by tifffile."

from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tifffile import TiffFile, TiffFileError, TiffPage

BITS_PER_SAMPLE, ORIENTATION, SAMPLES_PER_PIXEL, SAMPLE_FORMAT = 258, 274, 277, 339  # TIFF 6.0's tags
UNSIGNED = 1  # a `SAMPLE_FORMAT`


def is_multispectral(path: str | Path) -> bool:
    """Whether a TIFF file is one for `read_tiff`: Pillow doesn't know its kind, or would cut its channels or its bits.

    False for files that are no TIFF or can't be read at all: Pillow says what is wrong with these.
    """
    if Path(path).suffix.lower() not in (".tif", ".tiff"): return False
    try:
        with Image.open(path) as image:
            cut = image.format == "TIFF" and image.tag_v2.get(SAMPLES_PER_PIXEL, 1) > len(image.getbands())
            return cut or _is_unsigned_32(image) or (not image.mode.startswith(("I", "F")) and ";16" in str(image.tile))
    except UnidentifiedImageError: return _is_tiff(path)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError): return False


def _is_unsigned_32(image: Image.Image) -> bool:
    "Pillow has such numbers as signed ones, negative from 2^31 on."
    if image.format != "TIFF": return False
    bits, kind = image.tag_v2.get(BITS_PER_SAMPLE), image.tag_v2.get(SAMPLE_FORMAT, (UNSIGNED,))
    return (bits, kind) == ((32,), (UNSIGNED,))


def _is_tiff(path: str | Path) -> bool:
    try:
        with TiffFile(path) as file: return bool(file.pages.first.shape)
    except (TiffFileError, OSError, ValueError, IndexError): return False


def tiff_header(path: str | Path) -> tuple[tuple[int, int], int, np.dtype, int]:
    "(height, width), channels, type of the numbers, and pages of a TIFF file, from its header alone."
    with _page(path) as (page, pages):
        return (page.imagelength, page.imagewidth), page.samplesperpixel, np.dtype(page.dtype), pages


def read_tiff(path: str | Path) -> np.ndarray:
    "The first page of a TIFF file, `[H,W,C]`, with the numbers that it has; `ValueError` where they can't be read."
    with _page(path) as (page, _):
        if page.imagelength * page.imagewidth > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):  # as Pillow has it
            raise ValueError(f"{page.imagewidth}x{page.imagelength} pixels are too many")
        tag = page.tags.get(ORIENTATION)
        if tag is not None and tag.value != 1: raise ValueError(f"its orientation is {tag.value}; save it upright")
        values = page.asarray()
        if values.ndim == 2: return values[..., None]
        return np.moveaxis(values, 0, -1) if page.planarconfig == 2 else values  # channels one after the other


@contextmanager
def _page(path: str | Path):
    try:
        with TiffFile(path) as file:
            page = file.pages.first
            if not isinstance(page, TiffPage) or page.dtype is None: raise ValueError("it holds no image")
            yield page, len(file.pages)
    except (TiffFileError, IndexError, KeyError) as error: raise ValueError(error) from error
