"Images from anywhere: each file is opened here, and one message says what is wrong with one that can't be read."

import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from ..errors import UserError, hxw
from .exif import DamagedExif, upright
from .lossy import is_lossy
from .tiff import (
    TiffHeader,
    check_whole,
    grays_problem,
    has_deep_colors,
    is_cut,
    is_tiff,
    is_too_large,
    read_tiff,
    tiff_header,
)
from .tiff_rows import TiffRows

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "AVIF")  # Pillow takes MPO for JPEG's
LONGEST = 1000  # a side of an image, in its other side


@contextmanager
def decoding(name: str | Path, what: str = "an image", remedy: str = "replace or remove it") -> Iterator[None]:
    """Whatever goes wrong with data in here, as one `UserError`: `name` can't be read as `what`, and the remedy.

    Other messages for users pass, and so does a lack of memory.
    """
    _drop_warnings()
    try: yield
    except (UserError, MemoryError): raise
    except FileNotFoundError as error:
        raise UserError(f"{name}: there is no such file; check the path.") from error
    except DamagedExif as error:
        raise UserError(f"{name}: its EXIF data is damaged ({error}), so which side is up is unknown; save the image "
                        "without its EXIF data.") from error
    except Exception as error:  # decoders raise all kinds for damaged data, by far not only OSError and ValueError
        reason = str(error) or type(error).__name__
        raise UserError(f"{name}: can't be read as {what} ({reason}); {remedy}.") from error


@contextmanager
def reading(path: str | Path, what: str = "an image", remedy: str = "replace or remove it") -> Iterator[None]:
    "As `decoding`, of a file; `UserError` at once for what is no regular file."
    with decoding(path, what, remedy):
        _check_regular(path)
        yield


def _check_regular(path: str | Path):
    "`UserError` for a folder, a pipe, a device or a socket: to open one may wait forever. Links to files are fine."
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise UserError(f"{path}: is no regular file, so it isn't opened; replace or remove it.")


def _drop_warnings():
    """Python's filters are the process's, and reading is for many threads: they can't be put back afterwards.

    So the one that is added is for warnings out of Pillow and tifffile only; others may have dropped it since.
    """
    drop = ("ignore", None, Warning, re.compile(r"(PIL|tifffile)\."), 0)
    if drop not in warnings.filters: warnings.filterwarnings(drop[0], module=drop[3].pattern)


@contextmanager
def opened(source: str | Path | BinaryIO) -> Iterator[Image.Image]:
    "An image of which only the header is read, for within `reading` or `decoding`: the one place that opens images."
    try: image = Image.open(source, formats=FORMATS)
    except ValueError as error:
        if "Exif" in str(error): raise DamagedExif(error) from error  # an AVIF's is read with its header
        raise
    except Image.DecompressionBombError as error: image = _large_header(source, error)
    with image:
        if 0 in image.size: raise ValueError("it has no pixels")
        if image.format == "BMP" and image.mode == "1" and _bmp_bits(image.fp) != 1:
            raise ValueError("its palette is black and white, by which its bytes would be taken for bits; convert it "
                             "to PNG")
        yield image


def _bmp_bits(file: BinaryIO) -> int:
    "Bits a pixel by the header of a BMP, of OS/2 or Windows."
    place = file.tell()
    file.seek(14)
    header = file.read(16)
    file.seek(place)
    at = 10 if int.from_bytes(header[:4], "little") == 12 else 14
    return int.from_bytes(header[at:at + 2], "little")


def _large_header(source: str | Path | BinaryIO, problem: Exception) -> TiffImagePlugin.TiffImageFile:
    "The header of a TIFF beyond Pillow's limit, which can be read by rows; ValueError for other formats."
    try: return TiffImagePlugin.TiffImageFile(source)
    except SyntaxError:  # what Pillow's formats raise for other files
        raise ValueError(f"{str(problem).rstrip('.')}; convert it to a TIFF, which is read by rows") from problem


@contextmanager
def header(path: str | Path) -> Iterator[Image.Image]:
    "As `opened`, of a file, with one message for whatever goes wrong."
    with reading(path), opened(path) as image:
        _check_shape(image.size[::-1])
        yield image


def _check_shape(size: tuple[int, int]):
    if max(size) > LONGEST * min(size):  # that takes minutes to read
        raise ValueError(f"it has {hxw(size)} pixels, one side more than {LONGEST} times the other")


def open_image(path: str | Path) -> Image.Image:
    """A decoded image as the file has it.

    `UserError` where the file is missing, cut short, no image, or has more than 8 bits a color, which Pillow would cut.
    """
    with header(path) as image:
        check_whole(image.size[::-1])
        _check_depth(image)
        image.load()
        return image


def open_upright(path: str | Path) -> tuple[Image.Image, bool]:
    """A decoded image, turned as its EXIF orientation says, and whether its compression changes pixels.

    Errors as for `open_image`, and `UserError` for EXIF data that can't be read.
    """
    with header(path) as image:
        check_whole(image.size[::-1])
        _check_depth(image)
        return upright(image), is_lossy(image, path)


def _check_depth(image: Image.Image):
    if has_deep_colors(image):
        raise ValueError("it has 16 bits for each of several colors, and 8 can be read; convert it to 8 bits")
    if problem := grays_problem(image): raise ValueError(f"{problem}; save its grays unsigned, from black")


def is_banded(path: str | Path) -> bool:
    "Whether a file is a TIFF of channels that Pillow can't read, but `read_bands`."
    with reading(path): return _is_banded(path)


def _is_banded(path: str | Path) -> bool:
    "False for a file that can't be read at all: who opens it next hears what is wrong."
    if Path(path).suffix.lower() not in (".tif", ".tiff"): return False
    try:
        with opened(path) as image: return is_cut(image)
    except UnidentifiedImageError: return is_tiff(path)
    except MemoryError: raise
    except Exception: return False


def read_bands(path: str | Path) -> np.ndarray:
    "`[H,W,C]` of a TIFF file, with the numbers that it has; `UserError` where it can't be read."
    with reading(path):
        checked_tiff_header(path)
        return read_tiff(path)


def is_large_tiff(path: str | Path) -> bool:
    "Whether a file is a TIFF of more pixels than are read at once, but `open_rows`."
    with reading(path):
        if _is_banded(path): return is_too_large(checked_tiff_header(path).size)
        with header(path) as image: return image.format == "TIFF" and is_too_large(image.size[::-1])


def open_rows(path: str | Path) -> TiffRows:
    "A TIFF file by rows; `UserError` where it can't be read so."
    with reading(path):
        checked_tiff_header(path)
        return TiffRows(path)


def checked_tiff_header(path: str | Path) -> TiffHeader:
    "As `tiff_header`, for within `reading`; ValueError for a size that would take minutes to read."
    found = tiff_header(path)
    _check_shape(found.size)
    return found


def bands(image: Image.Image) -> int:
    "How many channels an image has, those of its palette's colors if it has one."
    return {"P": 3, "PA": 4}.get(image.mode, len(image.getbands()))
