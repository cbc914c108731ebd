"What a model's images are: channels, and what is black and white in them; anything that isn't so is refused."

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import UserError
from .exif import upright
from .opening import decoding, is_banded, is_large_tiff, open_rows, open_upright, read_bands
from .rgb import ValueRange, check_depth, is_outside, tensor_to_array, to_8_bits, to_rgb
from .tiff import is_deep
from .tiff_rows import TiffRows

MOST_CHANNELS = 1024
COLORS = {"P": "RGB", "PA": "RGBA"}  # what palettes hold


@dataclass(frozen=True)
class ImageFormat:
    """One format for all images of a dataset, and of what its models predict.

    `channels` is 3 (gray images are repeated), 1 (color images are read as gray), or what multispectral files have.
    `value_range` is what is black and white in images of more than 8 bits, None for those of 8.
    """

    channels: int = 3
    value_range: ValueRange | None = None

    def __post_init__(self):
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise UserError(f"images have 1 channel to {MOST_CHANNELS}, not {self.channels}; correct `--channels`.")

    def read(self, source: Any) -> np.ndarray:
        """An upright image, uint8 `[H,W,channels]`: the range's ends are 0 and 255.

        `source` is a path, or what `to_rgb` takes; of a number of channels other than 3 an array `[H,W,C]`, or a tensor
        `[C,H,W]`, of any numbers. `UserError` for what can't be read, or has another format.
        """
        is_path = isinstance(source, str | Path)
        if is_path and is_banded(source): values, name = read_bands(source), str(source)
        elif self.channels == 3: return np.asarray(to_rgb(source, self.value_range))
        else:
            name = str(source) if is_path else "the image"
            values = self._values(source, name)
        if values.ndim == 2: values = values[..., None]
        if problem := self.problem(values.shape[-1]): raise UserError(f"{name}: {problem}")
        if values.shape[-1] != self.channels: values = values.repeat(self.channels, axis=-1)  # gray
        return self.in_8_bits(values, name)

    def open(self, source: Any) -> "np.ndarray | FormattedRows":
        """As `read`; but of a TIFF file that is too large to be read at once, what gives its rows so.

        That has a `shape` (H, W, channels), and rows `[top:bottom]`, uint8 `[r,W,channels]`; errors as `read` raises
        them, some of them only for the rows that cause them.
        """
        if isinstance(source, str | Path) and is_large_tiff(source): return FormattedRows(source, self)
        return self.read(source)

    def _values(self, source: Any, name: str) -> np.ndarray:
        "`[H,W]` or `[H,W,C]` as they are, but that colors are gray where one channel is wanted."
        if isinstance(source, str | Path): source, _ = open_upright(source)
        if hasattr(source, "detach"): source = self._tensor_values(source.detach().cpu().numpy())
        if self.channels == 1 and isinstance(source, np.ndarray) and source.shape[2:] == (3,):
            source = to_rgb(source)
        if isinstance(source, Image.Image):
            if source.mode == "CMYK" and self.channels != 1:
                raise UserError(f"{name}: is of printing inks (CMYK), whose four channels are no colors; convert it to "
                                "RGB.")
            with decoding(name): return self._image_values(source)
        if not isinstance(source, np.ndarray) or source.ndim not in (2, 3):
            raise UserError(f"a {type(source).__name__} is no image of {self.channels} channels; pass a path, an array "
                            "[H,W,C] or a tensor [C,H,W].")
        return source

    def _image_values(self, image: Image.Image) -> np.ndarray:
        image = upright(image)
        if self.channels == 1 and not is_deep(image): image = image.convert("L")
        return np.asarray(image.convert(COLORS[image.mode]) if image.mode in COLORS else image)

    def _tensor_values(self, values: np.ndarray) -> np.ndarray:
        "Channels last; floats from 0 to 1 are of 8 bits, unless a range says otherwise."
        if self.value_range is None: return tensor_to_array(values)
        return np.moveaxis(values, 0, -1) if values.ndim == 3 else values

    def in_8_bits(self, values: np.ndarray, name: str, is_told: bool = False) -> np.ndarray:
        """Numbers as uint8, of which the range's ends are 0 and 255; `UserError` as for `checked_depth`.

        `is_told` is whether a `Note` has told of numbers that are cut off.
        """
        if not self.checked_depth(values.dtype, name): return values
        return to_8_bits(values, self.value_range, name, is_told)

    def checked_depth(self, dtype: np.dtype, name: str) -> bool:
        "Whether numbers have more than 8 bits; `UserError` where that isn't what the format has."
        has_more = dtype != np.uint8
        check_depth(has_more, str(dtype), self.value_range, name)
        return has_more

    def problem(self, found: int, is_banded: bool = True) -> str:
        """Why an image with so many channels can't be read; empty where it can.

        `is_banded` is what `opening.is_banded` says of its file: of others colors become gray, and transparency goes.
        """
        if found == self.channels or (found, self.channels) == (1, 3): return ""
        if not is_banded and self.channels in (1, 3): return ""
        plural, verb = "s" * (found > 1), "are" if self.channels > 1 else "is"
        return (f"has {found} channel{plural}, and {self.channels} {verb} trained on; pass images of {self.channels}, "
                f"or train with `--channels {found}`.")


class FormattedRows:
    "Rows of a TIFF file as an `ImageFormat` has them: `shape` (H, W, channels), `[top:bottom]` uint8."

    def __init__(self, path: str | Path, format: ImageFormat):
        self._name, self._format, self._is_banded = str(path), format, is_banded(path)
        self._rows: TiffRows = open_rows(path)
        found = self._rows.shape[-1]
        if problem := format.problem(found, self._is_banded): raise UserError(f"{path}: {problem}")
        format.checked_depth(self._rows.dtype, self._name)
        self.shape = (*self._rows.shape[:2], format.channels)
        self._is_told = False  # that numbers are cut off

    def __getitem__(self, rows: slice) -> np.ndarray:
        with decoding(self._name): values = self._rows[rows]
        if len(values) == 0: return np.empty((0, *self.shape[1:]), np.uint8)
        channels = self._format.channels
        if values.shape[-1] != channels: values = self._in_channels(values, channels)
        in_8_bits = self._format.in_8_bits(values, self._name, self._is_told)
        if self._format.value_range: self._is_told |= is_outside(values, self._format.value_range)
        return in_8_bits

    def _in_channels(self, values: np.ndarray, channels: int) -> np.ndarray:
        "As Pillow has it: without transparency, colors as gray, gray repeated."
        is_color = values.shape[-1] >= 3
        if channels == 3: return values[..., :3] if is_color else values[..., :1].repeat(3, axis=-1)
        if not is_color: return values[..., :1]
        return np.asarray(Image.fromarray(np.ascontiguousarray(values[..., :3])).convert("L"))[..., None]


def displayed(pixels: np.ndarray) -> np.ndarray:
    "Of pixels `[H,W,C]` the first three channels, or the first as gray where there are fewer: `[H,W,3]`."
    return np.ascontiguousarray(pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1].repeat(3, axis=-1))
