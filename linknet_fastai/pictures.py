"Picture files from anywhere: whatever Pillow reads, and one sentence about whatever it doesn't."

from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from .errors import UserError

VOID = 255  # what is no class: unlabelled, ignored by loss and scores, never predicted
VOID_GREY = 220
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def read_picture(path: str | Path) -> Image.Image:
    "A decoded picture as the file has it; `UserError` where the file is missing, cut short or no picture."
    with _reading(path), Image.open(path) as picture:
        picture.load()
        return picture


def picture_size(path: str | Path) -> tuple[int, int]:
    "(height, width) of an upright picture, from the file's header alone."
    with _reading(path), Image.open(path) as picture:
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5  # on its side
        return picture.size if turned else picture.size[::-1]


def read_image(path: str | Path) -> Image.Image:
    "An RGB picture, upright by its EXIF orientation; grey, palette, RGBA and 16-bit pictures are converted."
    picture = ImageOps.exif_transpose(read_picture(path))
    if picture.mode.startswith("I"):  # 16 bits: Pillow would clip at 255 instead of scaling
        picture = Image.fromarray((np.asarray(picture).clip(0, 2**16 - 1) // 256).astype(np.uint8))
    return picture.convert("RGB")


@contextmanager
def _reading(path: str | Path):
    "Whatever Pillow says of a bad file, as one sentence."
    try: yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; check the path.") from error
    # Pillow's decoders raise these for damaged files, and DecompressionBombError for absurd sizes
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: can't be read as a picture ({error}); replace or remove it.") from error


def find_pictures(paths: list[Path], out: Path) -> list[tuple[Path, Path]]:
    """Each picture file that is named, or lies in or below a folder that is, with its path relative to what was named.

    Where `out` lies below such a folder, what is in it was written there before, and is no picture to take.
    """
    found, out = [], out.resolve()
    for path in paths:
        if path.is_dir():
            below = out if path.resolve() in out.parents else None
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
                           and below not in file.resolve().parents)
            if not files: raise UserError(f"{path}: holds no pictures ({', '.join(SUFFIXES)}); name another folder.")
            found += [(file, file.relative_to(path)) for file in files]
        elif path.exists(): found.append((path, Path(path.name)))
        else: raise UserError(f"{path}: there is no such file or folder; check the path.")
    return found


def in_palette(mask: np.ndarray, palette) -> Image.Image:
    "Classes uint8 `[H,W]` as a picture of indices with the data set's colours; void is grey."
    picture = Image.fromarray(mask).convert("P")
    colours = np.full((256, 3), VOID_GREY, dtype=np.uint8)
    colours[:len(palette)] = palette
    picture.putpalette(colours.tobytes())
    return picture
