"Images from anywhere: whatever Pillow reads, and one message about whatever it doesn't."

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from .errors import Note, UserError
from .tiff import is_multispectral, read_tiff, tiff_header

VOID = 255  # what is no class: unlabelled, ignored by loss and scores, never predicted
VOID_GRAY = 220
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


ValueRange = tuple[float, float]  # of an image's numbers, from black to white
LOSSY = ("JPEG", "MPO")  # formats that change pixels
JUNK = ("__MACOSX", "Thumbs.db", "desktop.ini")


def is_junk(name: str) -> bool:
    "Whether a file or folder of this name is none of a user's: hidden, or left by an operating system or an editor."
    return name.startswith(".") or name in JUNK


def open_image(path: str | Path) -> Image.Image:
    """A decoded image as the file has it.

    `UserError` where the file is missing, cut short, no image, or has more than 8 bits a color, which Pillow would cut.
    """
    with _reading(path), Image.open(path) as image:
        if not is_deep(image) and ";16" in str(image.tile):
            raise ValueError("it has 16 bits for each of several colors, and 8 can be read; convert it to 8 bits")
        image.load()
        return image


def open_upright(path: str | Path) -> tuple[Image.Image, bool]:
    """A decoded image, turned as its EXIF orientation says, and whether its format changes pixels.

    Errors as for `open_image`.
    """
    image = open_image(path)
    return ImageOps.exif_transpose(image), image.format in LOSSY


def is_deep(image: Image.Image) -> bool:
    "Whether an image has gray numbers of more than 8 bits: 16, 32, or floats."
    return image.mode.startswith(("I", "F"))


def is_banded(path: str | Path) -> bool:
    "Whether a file is a TIFF of channels that Pillow can't read, but `read_bands`."
    with _reading(path): return is_multispectral(path)


def read_bands(path: str | Path) -> np.ndarray:
    "`[H,W,C]` of a TIFF file, with the numbers that it has; `UserError` where it can't be read."
    with _reading(path): return read_tiff(path)


def channel_count(path: str | Path) -> int:
    "As `bands`, of a file, from its header alone."
    with _reading(path):
        if is_multispectral(path): return tiff_header(path)[1]
        with Image.open(path) as image: return bands(image)


def bands(image: Image.Image) -> int:
    "How many channels an image has, those of its palette's colors if it has one."
    return {"P": 3, "PA": 4}.get(image.mode, len(image.getbands()))


def is_deep_file(path: str | Path) -> bool:
    "As `is_deep`, of a file, from its header alone."
    with _reading(path):
        if is_multispectral(path): return tiff_header(path)[2] != np.uint8
        with Image.open(path) as image: return is_deep(image)


def image_mode(path: str | Path) -> str:
    "Pillow's mode of an image file, from its header alone."
    with _reading(path), Image.open(path) as image: return image.mode


def orientation(path: str | Path) -> int:
    "The EXIF orientation of an image file, 1 (upright) to 8."
    with _reading(path):
        if is_multispectral(path): return 1
        with Image.open(path) as image: return _orientation(image)


def frame_count(path: str | Path) -> int:
    "How many frames or pages an image file has."
    with _reading(path):
        if is_multispectral(path): return tiff_header(path)[3]
        with Image.open(path) as image: return getattr(image, "n_frames", 1)


def _orientation(image: Image.Image) -> int:
    tag = image.getexif().get(ExifTags.Base.Orientation, 1)
    return tag if tag in range(1, 9) else 1


def image_size(path: str | Path) -> tuple[int, int]:
    "(height, width) of an upright image, from the file's header alone."
    with _reading(path):
        if is_multispectral(path): return tiff_header(path)[0]
        with Image.open(path) as image:
            turned = _orientation(image) >= 5  # on its side
            return image.size if turned else image.size[::-1]


def scaled_size(size: tuple[int, int], area: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) in the shape of `size` that has as many pixels as `area`.

    Training, evaluation and prediction all see images so: in their own shape, at the number of pixels that was trained
    at.
    """
    height, width = size
    zoom = (area[0] * area[1] / (height * width)) ** 0.5
    return max(1, round(height * zoom)), max(1, round(width * zoom))


def to_rgb(source: Any, value_range: ValueRange | None = None) -> Image.Image:
    """An RGB image of 8 bits, upright by its EXIF orientation, the same whatever holds it.

    Args:
        source: a path, a Pillow image, an array `[H,W,3]` or `[H,W]` of uint8, or `[H,W]` of uint16, or a tensor
            `[3,H,W]` or `[H,W]` of uint8, or of floats from 0 to 1.
        value_range: what is black and what is white in images of more than 8 bits; None where images have 8.

    `UserError` for anything else, for files that can't be read, and for an image of more bits, or fewer, than the range
    is for: there is no telling how bright it is.
    """
    if isinstance(source, str | Path): return _converted(open_image(source), value_range, str(source))
    if hasattr(source, "detach"): source = tensor_to_array(source.detach().cpu().numpy())
    if isinstance(source, np.ndarray): source = _array_to_image(source)
    if not isinstance(source, Image.Image):
        raise UserError(f"a {type(source).__name__} is no image; pass a path, a Pillow image, an array [H,W,3] or a "
                        "tensor [3,H,W].")
    return _converted(source, value_range, "the image")


def _converted(image: Image.Image, value_range: ValueRange | None, name: str) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if is_deep(image) and value_range is None:
        raise UserError(f"{name}: has numbers of more than 8 bits ({image.mode}), where the model and its training "
                        "images have 8; convert it as these were.")
    if value_range is not None:
        if not is_deep(image):
            raise UserError(f"{name}: has 8 bits ({image.mode}), where the training images have numbers from "
                            f"{value_range[0]:g} to {value_range[1]:g}; pass images as these were.")
        image = Image.fromarray(to_8_bits(np.asarray(image), value_range, name))
    return image.convert("RGB")


def to_8_bits(values: np.ndarray, value_range: ValueRange, name: str) -> np.ndarray:
    """uint8 of the same shape: the range's ends are 0 and 255; what lies outside is cut off, of which a `Note` tells.

    `UserError`, which calls the image by its `name`, for pixels that are no numbers.
    """
    if np.isnan(values).any(): raise UserError(f"{name}: holds pixels that are no numbers; replace them.")
    low, high = value_range
    if values.min() < low or values.max() > high:
        warnings.warn(Note(f"{name}: holds numbers from {values.min():g} to {values.max():g}, where black is {low:g} "
                           f"and white {high:g}; those outside are cut off"), stacklevel=2)
    return np.round((values.astype(np.float64).clip(low, high) - low) * (255 / (high - low))).astype(np.uint8)


def tensor_to_array(values: np.ndarray) -> np.ndarray:
    "Channels last, as arrays have them; floats as uint8."
    if values.ndim == 3: values = np.moveaxis(values, 0, -1)
    if not np.issubdtype(values.dtype, np.floating): return values
    if values.size and (values.min() < 0 or values.max() > 1):
        raise UserError(f"a tensor of floats from {values.min():.3g} to {values.max():.3g} is no image; pass 0 to 1, "
                        "or uint8.")
    return np.round(255 * values).astype(np.uint8)


def _array_to_image(values: np.ndarray) -> Image.Image:
    if values.ndim == 3 and values.shape[-1] == 1: values = values[..., 0]
    is_color = values.ndim == 3 and values.shape[-1] in (3, 4) and values.dtype == np.uint8
    if not is_color and not (values.ndim == 2 and values.dtype in (np.uint8, np.uint16)):
        raise UserError(f"an array {list(values.shape)} of {values.dtype} is no image; pass [H,W,3] or [H,W] of uint8, "
                        "or [H,W] of uint16 (as a tensor: [3,H,W]).")
    return Image.fromarray(values)


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
    """The image files among `paths`, and in or below the folders among them, each with its path relative to that.

    Where `out` lies below such a folder, what is in it was written there before, and is left out. `UserError` for a
    path that isn't there, and for a folder without images.
    """
    found, out = [], out.resolve()
    for path in paths:
        if path.is_dir():
            below = out if path.resolve() in out.parents else None
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
                           and below not in file.resolve().parents
                           and not any(map(is_junk, file.relative_to(path).parts)))
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
