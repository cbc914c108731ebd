"Image files from anywhere: whatever Pillow reads, and one message about whatever it doesn't."

from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from .errors import UserError

VOID = 255  # what is no class: unlabelled, ignored by loss and scores, never predicted
VOID_GRAY = 220
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def open_image(path: str | Path) -> Image.Image:
    "A decoded image as the file has it; `UserError` where the file is missing, cut short or no image."
    with _reading(path), Image.open(path) as image:
        image.load()
        return image


def image_size(path: str | Path) -> tuple[int, int]:
    "(height, width) of an upright image, from the file's header alone."
    with _reading(path), Image.open(path) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5  # on its side
        return image.size if turned else image.size[::-1]


def read_image(path: str | Path) -> Image.Image:
    "An RGB image, upright by its EXIF orientation; gray, palette, RGBA and 16-bit images are converted."
    image = ImageOps.exif_transpose(open_image(path))
    if image.mode.startswith("I"):  # 16 bits: Pillow would clip at 255 instead of scaling
        image = Image.fromarray((np.asarray(image).clip(0, 2**16 - 1) // 256).astype(np.uint8))
    return image.convert("RGB")


@contextmanager
def _reading(path: str | Path):
    "Whatever Pillow says of a bad file, as one message."
    try: yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; check the path.") from error
    # Pillow's decoders raise these for damaged files, and DecompressionBombError for absurd sizes
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: can't be read as an image ({error}); replace or remove it.") from error


def find_images(paths: list[Path], out: Path) -> list[tuple[Path, Path]]:
    """Each image file that is named, or lies in or below a folder that is, with its path relative to what was named.

    Where `out` lies below such a folder, what is in it was written there before, and is no image to take.
    """
    found, out = [], out.resolve()
    for path in paths:
        if path.is_dir():
            below = out if path.resolve() in out.parents else None
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
                           and below not in file.resolve().parents)
            if not files: raise UserError(f"{path}: holds no images ({', '.join(SUFFIXES)}); name another folder.")
            found += [(file, file.relative_to(path)) for file in files]
        elif path.exists(): found.append((path, Path(path.name)))
        else: raise UserError(f"{path}: there is no such file or folder; check the path.")
    return found


def to_palette_image(mask: np.ndarray, palette) -> Image.Image:
    "Classes uint8 `[H,W]` as an image of indices with the dataset's colors; void is gray."
    image = Image.fromarray(mask).convert("P")
    colors = np.full((256, 3), VOID_GRAY, dtype=np.uint8)
    colors[:len(palette)] = palette
    image.putpalette(colors.tobytes())
    return image
