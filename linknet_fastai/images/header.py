"What an image file's header says, without its pixels; `UserError` where it can't be read."

from pathlib import Path

import numpy as np

from .exif import orientation_of, upright_size
from .opening import bands, checked_tiff_header, header, is_banded, is_deep, reading


def channel_count(path: str | Path) -> int:
    "As `bands`, of a file, from its header alone."
    with reading(path):
        if is_banded(path): return checked_tiff_header(path)[1]
        with header(path) as image: return bands(image)


def is_deep_file(path: str | Path) -> bool:
    "As `is_deep`, of a file, from its header alone."
    with reading(path):
        if is_banded(path): return checked_tiff_header(path)[2] != np.uint8
        with header(path) as image: return is_deep(image)


def image_mode(path: str | Path) -> str:
    "Pillow's mode of an image file, from its header alone."
    with header(path) as image: return image.mode


def orientation(path: str | Path) -> int:
    "The EXIF orientation of an image file, 1 (upright) to 8; `UserError` for EXIF data that can't be read."
    with reading(path):
        if is_banded(path): return 1
        with header(path) as image: return orientation_of(image)


def stretched_from(path: str | Path) -> str:
    "The range of grays, in words, that Pillow stretches to 8 or 16 bits: 2 or 4 bits, or up to a number; empty if none"
    with reading(path):
        if is_banded(path): return ""
        with header(path) as image:
            for decoder, *_, arguments in image.tile:
                raw, *most = arguments if isinstance(arguments, tuple) else (arguments,)
                if raw in ("L;2", "L;4"): return f"{raw[-1]} bits"
                if decoder.startswith("ppm") and most and most[0] not in (255, 65535): return f"0 to {most[0]}"
    return ""


def frame_count(path: str | Path) -> int:
    "How many frames or pages an image file has."
    with reading(path):
        if is_banded(path): return checked_tiff_header(path)[3]
        with header(path) as image: return getattr(image, "n_frames", 1)


def image_size(path: str | Path) -> tuple[int, int]:
    "(height, width) of an upright image, from the file's header alone; `UserError` as for `orientation`."
    with reading(path):
        if is_banded(path): return checked_tiff_header(path)[0]
        with header(path) as image: return upright_size(image)
