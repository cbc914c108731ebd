"""TIFF files that Pillow can't read, or not all of: any number of channels, of any depth, by tifffile.

Of damaged files these raise whatever tifffile does; `opening` makes one message of it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image
from tifffile import EXTRASAMPLE, PHOTOMETRIC, PLANARCONFIG, SAMPLEFORMAT, TiffFile, TiffFileError, TiffPage

from ..errors import hxw

TAGS = ExifTags.Base  # EXIF's tags are TIFF's

# what they log of damaged files is beside the one message that such a file gets
for name in ("tifffile", "PIL.TiffImagePlugin"): logging.getLogger(name).setLevel(logging.CRITICAL)


class TiffHeader(NamedTuple):
    "What a TIFF file's header says of its first page, `size` as (height, width), and how many pages there are."

    size: tuple[int, int]
    channels: int
    dtype: np.dtype
    pages: int


def is_cut(image: Image.Image) -> bool:
    "Whether Pillow would cut the channels or the bits of an image of which it has read the header."
    cut = _lacks_channels(image) or _is_unsigned_32(image)
    return cut or has_deep_colors(image)


def is_deep(image: Image.Image) -> bool:
    "Whether an image has gray numbers of more than 8 bits: 16, 32, or floats."
    return image.mode.startswith(("I", "F"))


def has_deep_colors(image: Image.Image) -> bool:
    "Whether an image that Pillow has in 8 bits has more for each of its colors."
    if is_deep(image): return False
    return ";16" in str(image.tile) or max(_bits(image)) > 8


def grays_problem(image: Image.Image) -> str:
    "Why Pillow would read the grays of a TIFF as others, in words; empty where it reads them as they are."
    if image.format != "TIFF": return ""
    is_signed = image.tag_v2.get(TAGS.SampleFormat) == (SAMPLEFORMAT.INT,)
    if is_signed and image.mode == "L": return "its 8 bits are signed numbers"
    is_inverted = image.tag_v2.get(TAGS.PhotometricInterpretation) == PHOTOMETRIC.MINISWHITE
    return "white is 0 in it, and it has more than 8 bits" if is_inverted and max(_bits(image)) > 8 else ""


def _bits(image: Image.Image) -> tuple[int, ...]:
    "Of each channel of a TIFF; 1 of another format."
    return image.tag_v2.get(TAGS.BitsPerSample, (1,)) if image.format == "TIFF" else (1,)


def _lacks_channels(image: Image.Image) -> bool:
    return image.format == "TIFF" and image.tag_v2.get(TAGS.SamplesPerPixel, 1) > len(image.getbands())


def has_unknown_channels(image: Image.Image) -> bool:
    "Whether a TIFF has channels that Pillow leaves out, or of which the file doesn't say what they are."
    if image.format != "TIFF": return False
    return _lacks_channels(image) or EXTRASAMPLE.UNSPECIFIED in image.tag_v2.get(TAGS.ExtraSamples, ())


def _is_unsigned_32(image: Image.Image) -> bool:
    "Pillow has such numbers as signed ones, negative from 2^31 on."
    if image.format != "TIFF": return False
    kind = image.tag_v2.get(TAGS.SampleFormat, (SAMPLEFORMAT.UINT,))
    return _bits(image) == (32,) and kind == (SAMPLEFORMAT.UINT,)


def is_tiff(path: str | Path) -> bool:
    "Whether tifffile finds an image in a file."
    try:
        with TiffFile(path) as file: return bool(file.pages.first.shape)
    except (TiffFileError, OSError, ValueError, IndexError): return False


def tiff_header(path: str | Path) -> TiffHeader:
    "Of a TIFF file, without its pixels."
    with first_page(path) as (page, pages):
        return TiffHeader((page.imagelength, page.imagewidth), page.samplesperpixel, np.dtype(page.dtype), pages)


def read_tiff(path: str | Path) -> np.ndarray:
    "The first page of a TIFF file, `[H,W,C]`, with the numbers that it has."
    with first_page(path) as (page, _):
        check_whole((page.imagelength, page.imagewidth))
        check_upright(page)
        values = page.asarray()
        if values.ndim == 2: values = values[..., None]
        elif values.ndim == 3 and page.planarconfig == PLANARCONFIG.SEPARATE: values = np.moveaxis(values, 0, -1)
        if values.ndim != 3 or values.shape[:2] != (page.imagelength, page.imagewidth):
            raise ValueError(f"it holds an array {list(values.shape)}")
        return values


def is_too_large(size: tuple[int, int]) -> bool:
    "Whether a (height, width) is beyond Pillow's limit, `2 * PIL.Image.MAX_IMAGE_PIXELS` pixels."
    return size[0] * size[1] > 2 * (Image.MAX_IMAGE_PIXELS or np.inf)


def check_whole(size: tuple[int, int]):
    "ValueError for a (height, width) beyond that limit."
    if is_too_large(size):
        raise ValueError(f"{hxw(size)} pixels are too many to be read at once; predict such an image by tiles "
                         "with `--tile HxW`, and cut such a mask into parts")


def check_upright(page: TiffPage):
    "ValueError where a page is to be turned."
    tag = page.tags.get(TAGS.Orientation)
    if tag is not None and tag.value != 1: raise ValueError(f"its orientation is {tag.value}; save it upright")


@contextmanager
def first_page(path: str | Path) -> Iterator[tuple[TiffPage, int]]:
    "The first page of a TIFF file that is open, of which the header is read, and the number of pages."
    with TiffFile(path) as file:
        page = file.pages.first
        if not isinstance(page, TiffPage) or page.dtype is None: raise ValueError("it holds no image")
        yield page, len(file.pages)
