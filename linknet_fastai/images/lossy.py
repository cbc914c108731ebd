"Whether a file's compression changes pixels, as JPEG's does."

import struct
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

LOSSY = ("JPEG", "MPO", "AVIF")  # AVIF may be lossless, but Pillow doesn't tell
# Pillow's names of a TIFF's compressions; all others, such as jpeg and webp, change pixels or may do so
LOSSLESS_IN_TIFF = ("raw", "tiff_ccitt", "group3", "group4", "tiff_lzw", "tiff_raw_16", "tiff_adobe_deflate",
                    "tiff_deflate", "packbits", "tiff_thunderscan", "lzma", "zstd")
FRAME_HEADER = 16  # bytes of a WebP's frame before its own chunks


def is_lossy(image: Image.Image, path: str | Path) -> bool:
    "Whether the compression of an image, as opened from the file `path`, changes pixels, or may do so."
    if image.format == "TIFF": return image.info.get("compression") not in LOSSLESS_IN_TIFF
    if image.format == "WEBP": return _is_lossy_webp(path)
    return image.format in LOSSY


def _is_lossy_webp(path: str | Path) -> bool:
    chunks = set(_webp_chunks(path))
    return b"VP8L" not in chunks or b"VP8 " in chunks


def _webp_chunks(path: str | Path) -> Iterator[bytes]:
    "The names of a WebP file's chunks, those within frames too (RFC 9649, sec. 2)."
    with open(path, "rb") as file:
        file.seek(len("RIFF....WEBP"))
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            yield name
            file.seek(FRAME_HEADER if name == b"ANMF" else size + size % 2, 1)
