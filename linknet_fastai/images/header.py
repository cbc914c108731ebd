"What an image file's header says, without its pixels; `UserError` where it can't be read."

import re
from pathlib import Path

import numpy as np

from .exif import orientation_of, upright_size
from .opening import checked_tiff_header, header, is_banded, reading
from .tiff import is_deep


def is_deep_file(path: str | Path) -> bool:
    "As `is_deep`, of a file, from its header alone."
    with reading(path):
        if is_banded(path): return checked_tiff_header(path).dtype != np.uint8
        with header(path) as image: return is_deep(image)


def orientation(path: str | Path) -> int:
    "The EXIF orientation of an image file, 1 (upright) to 8; `UserError` for EXIF data that can't be read."
    if is_banded(path): return 1
    with header(path) as image: return orientation_of(image)


def changed_grays(path: str | Path) -> str:
    "What Pillow does to the grays of a file as it reads them, in words: stretch or invert them; empty if nothing."
    if is_banded(path): return ""
    with header(path) as image:
        for decoder, *_, arguments in image.tile:
            raw, *most = arguments if isinstance(arguments, tuple) else (arguments,)
            if not isinstance(raw, str): continue
            if match := re.fullmatch("L;([24]).*", raw): return f"its grays of {match[1]} bits are stretched"
            if raw.startswith("L;I"): return "its grays, of which 0 is white, are inverted"
            if decoder.startswith("ppm") and most and most[0] not in (255, 65535):
                return f"its grays of 0 to {most[0]} are stretched"
    return ""


def frame_count(path: str | Path) -> int:
    "How many frames or pages an image file has."
    with reading(path):
        if is_banded(path): return checked_tiff_header(path).pages
        with header(path) as image: return getattr(image, "n_frames", 1)


def image_size(path: str | Path) -> tuple[int, int]:
    "(height, width) of an upright image, from the file's header alone; `UserError` as for `orientation`."
    with reading(path):
        if is_banded(path): return checked_tiff_header(path).size
        with header(path) as image: return upright_size(image)
