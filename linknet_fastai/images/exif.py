"Which side of an image is up, by its EXIF or XMP data."

import re
import struct

from PIL import ExifTags, Image

TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
         5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}  # what makes an image of an orientation upright
ON_ITS_SIDE = 5  # and higher
RAW_EXIF, XMP = "Raw profile type exif", ("XML:com.adobe.xmp", "xmp")  # Pillow's names of data with an orientation
WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}  # EXIF's types of them, as `struct` has them


class DamagedExif(Exception):
    "What is wrong with EXIF data that may, or may not, say that an image isn't upright."


def upright(image: Image.Image) -> Image.Image:
    "An image decoded and turned as its orientation says, the same one where that is upright; `DamagedExif`."
    orientation = orientation_of(image)  # before it is decoded, when Pillow turns a TIFF image itself
    image.load()
    if orientation == 1 or _is_tiff(image): return image
    turned = image.transpose(TURNS[orientation])
    for key in ("exif", RAW_EXIF, *XMP): turned.info.pop(key, None)  # or it would be turned again
    return turned


def upright_size(image: Image.Image) -> tuple[int, int]:
    "(height, width) of an image once it is upright; `DamagedExif`."
    turned = orientation_of(image) >= ON_ITS_SIDE and not _is_tiff(image)  # a TIFF image's size is the upright one
    return image.size if turned else image.size[::-1]


def orientation_of(image: Image.Image) -> int:
    """1 (upright) to 8; 1 where an image says none, or one that there isn't.

    `DamagedExif` where there is no telling what it says. Pillow's `getexif` gives what it could read of a damaged
    block, without a word.
    """
    # a PNG's may stand behind its pixels; what is wrong with these is another message
    if image.format == "PNG" and "exif" not in image.info: image.load()
    try: orientation = _stored_orientation(image)
    except struct.error as error: raise DamagedExif("it is cut short") from error
    except (ValueError, TypeError) as error: raise DamagedExif(error) from error
    return orientation if orientation in TURNS else 1


def _is_tiff(image: Image.Image) -> bool:
    return hasattr(image, "tag_v2")


def _stored_orientation(image: Image.Image) -> int | None:
    if _is_tiff(image):
        orientation = image.tag_v2.get(ExifTags.Base.Orientation)
        if not isinstance(orientation, int | None):
            raise ValueError(f"its orientation is {orientation!r}, no whole number")
        return orientation
    exif = image.info.get("exif")
    if exif is None and RAW_EXIF in image.info: exif = bytes.fromhex("".join(image.info[RAW_EXIF].split("\n")[3:]))
    orientation = read_exif(exif or b"")
    return _xmp_orientation(image) if orientation is None else orientation


def read_exif(exif: bytes) -> int | None:
    "The orientation in a block of EXIF data, None where there is none; `ValueError` or `struct.error` for garbage."
    exif = re.sub(rb"^(Exif\0\0){1,2}", b"", exif)
    if not exif: return None
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or exif[2:4] not in (b"*\0", b"\0*"): raise ValueError(f"it starts with {exif[:4]!r}")
    start, = struct.unpack_from(f"{order}I", exif, 4)
    count, = struct.unpack_from(f"{order}H", exif, start)
    for number in range(count):
        tag, kind, values, value = struct.unpack_from(f"{order}HHI4s", exif, start + 2 + 12 * number)
        if tag != ExifTags.Base.Orientation: continue
        if values != 1 or kind not in WHOLE_NUMBERS: raise ValueError("its orientation is no whole number")
        return struct.unpack_from(order + WHOLE_NUMBERS[kind], value)[0]
    return None


def _xmp_orientation(image: Image.Image) -> int | None:
    xmp = next((image.info[key] for key in XMP if image.info.get(key)), b"")
    found = re.search(rb'tiff:Orientation(="|>)([0-9])', xmp.encode() if isinstance(xmp, str) else xmp)
    return int(found[2]) if found else None
