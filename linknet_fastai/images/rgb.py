"Images of whatever kind as RGB of 8 bits: files, arrays, tensors, numbers of more bits."

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import Note, UserError
from .exif import upright
from .opening import decoding, open_upright
from .tiff import is_deep

ValueRange = tuple[float, float]  # of an image's numbers, from black to white


def to_rgb(source: Any, value_range: ValueRange | None = None) -> Image.Image:
    """An RGB image of 8 bits, upright by its EXIF orientation, the same whatever holds it.

    Args:
        source: a path, a Pillow image, an array `[H,W,3]` or `[H,W]` of uint8, or `[H,W]` of uint16, or a tensor
            `[3,H,W]` or `[H,W]` of uint8, or of floats from 0 to 1.
        value_range: what is black and what is white in images of more than 8 bits; None where images have 8.

    `UserError` for anything else, for files that can't be read, and for an image of more bits, or fewer, than the range
    is for: there is no telling how bright it is.
    """
    if isinstance(source, str | Path): return _converted(open_upright(source)[0], value_range, str(source))
    if hasattr(source, "detach"): source = tensor_to_array(source.detach().cpu().numpy())
    if isinstance(source, np.ndarray): source = _array_to_image(source)
    if not isinstance(source, Image.Image):
        raise UserError(f"a {type(source).__name__} is no image; pass a path, a Pillow image, an array [H,W,3] or a "
                        "tensor [3,H,W].")
    with decoding("the image"): return _converted(upright(source), value_range, "the image")


def _converted(image: Image.Image, value_range: ValueRange | None, name: str) -> Image.Image:
    check_depth(is_deep(image), image.mode, value_range, name)
    if value_range is not None: image = Image.fromarray(to_8_bits(np.asarray(image), value_range, name))
    if image.mode == "RGB": return image  # and no copy
    with decoding(name): return image.convert("RGB")


def check_depth(is_deep: bool, kind: str, value_range: ValueRange | None, name: str):
    """`UserError` where the image `name` has more than 8 bits and the training images 8, or the other way round.

    `kind` is what its numbers are, in words; `value_range` is None where the training images have 8 bits.
    """
    if is_deep and value_range is None:
        raise UserError(f"{name}: has numbers of more than 8 bits ({kind}), where the model and its training images "
                        "have 8; convert it as these were.")
    if not is_deep and value_range is not None:
        low, high = value_range
        raise UserError(f"{name}: has 8 bits, where the training images have numbers from {low:g} to {high:g}; pass "
                        "images as these were.")


def is_outside(values: np.ndarray, value_range: ValueRange) -> bool:
    "Whether numbers are darker than a range's black, or brighter than its white."
    return bool(values.min() < value_range[0] or values.max() > value_range[1])


def to_8_bits(values: np.ndarray, value_range: ValueRange, name: str, is_told: bool = False) -> np.ndarray:
    """uint8 of the same shape: the range's ends are 0 and 255; what lies outside is cut off.

    A `Note` tells of that, unless it `is_told`.

    `UserError`, which calls the image by its `name`, for pixels that are no numbers.
    """
    if np.isnan(values).any(): raise UserError(f"{name}: holds pixels that are no numbers; replace them.")
    low, high = value_range
    if is_outside(values, value_range) and not is_told:
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
