"A mask file as it is, whatever it stores: numbers, palette indices, colors, transparency."

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UserError
from ..images.header import changed_grays, frame_count
from ..images.opening import decoding, open_upright, reading
from ..images.tiff import has_unknown_channels

GRAY, BILEVEL, PALETTE, COLOR, ALPHA = "gray", "bilevel", "palette", "color", "alpha"
NUMBERS = "buif"  # NumPy's kinds of them
NUM_VALUES = 1 << 16  # that a number in a mask may have, from 0
GRAY_STEP = 0x010101  # times a gray is its 24-bit color


@dataclass(frozen=True)
class MaskFile:
    """The pixels of a mask file, upright, and how it stores them.

    `pixels` `[H,W]` are the numbers of a `gray` mask (or one of transparency alone, `alpha`), the indices of a
    `palette` mask (or of black and white, in one of 1 bit, `bilevel`), the 24-bit RGB numbers of a `color` mask.
    `palette` has the 24-bit color of each index; of a mask of transparency the one color that it has. `hidden` is the
    24-bit color of the pixels that can't be seen in a mask of colors or grays with transparency. `lossy` compression
    changes pixels.
    """

    kind: str
    pixels: np.ndarray
    palette: np.ndarray | None = None
    hidden: int | None = None
    lossy: bool = False

    def colors(self, path: Path) -> np.ndarray:
        """24-bit RGB numbers `[H,W]`.

        Of an index by its palette, of a gray number by that gray; `UserError` for larger numbers.
        """
        if self.kind == COLOR: return self.pixels
        if self.kind in (PALETTE, BILEVEL): return self.palette[self.pixels]
        if self.pixels.max(initial=0) > 255:
            raise UserError(f"{path}: holds numbers up to {self.pixels.max()}, where other masks have colors; convert "
                            "it.")
        return self.pixels * GRAY_STEP

    def indices(self, path: Path) -> np.ndarray:
        "Numbers `[H,W]`; `UserError` for a mask of colors that are not all gray."
        if self.kind != COLOR: return self.pixels
        gray = self.pixels & 255
        if (gray * GRAY_STEP != self.pixels).any():
            raise UserError(f"{path}: holds colors (RGB), where other masks have one number a pixel; convert it.")
        return gray


def read_mask_file(path: Path) -> MaskFile:
    "`UserError` for a file that can't be read, or that has not one value a pixel."
    if path.suffix.lower() == ".npy": return _read_array(path)
    frames, (image, lossy) = frame_count(path), open_upright(path)
    if frames > 1:
        raise UserError(f"{path}: has {frames} pages or frames, and a mask has one; save each as a file of its own.")
    if has_unknown_channels(image):
        raise UserError(f"{path}: has channels beside a number or an RGB color, and a mask has one value a pixel; save "
                        "its classes as one channel of numbers.")
    if image.mode in ("L", "I") and (change := changed_grays(path)):
        raise UserError(f"{path}: {change} when it is read, so there is no telling what its numbers are; save it as "
                        "PNG with 8 or 16 bits.")
    reader = READERS.get(image.mode)
    if reader is None:
        raise UserError(f"{path}: is an image of mode {image.mode}, and a mask has a number, a palette index or an RGB "
                        "color a pixel; convert it to PNG.")
    with decoding(path): kind, pixels, *palette = reader(path, image)
    return MaskFile(kind, pixels, *palette, lossy=lossy)


def pack(colors):
    "RGB, as a tuple or `[...,3]`, to 24-bit numbers, as an int or `[...]`."
    if isinstance(colors, tuple): red, green, blue = colors
    else: red, green, blue = np.moveaxis(np.asarray(colors, dtype=np.int32), -1, 0)
    return red << 16 | green << 8 | blue


def unpack(color: int) -> tuple[int, int, int]:
    "The RGB color of a 24-bit number."
    return color >> 16, color >> 8 & 255, color & 255


def _read_array(path: Path) -> MaskFile:
    with reading(path, "an array", "save it with numpy.save, without objects"):
        # mapped, so that a header that promises more than the file has takes no memory
        values = np.array(np.lib.format.open_memmap(path, mode="r"))
    if values.ndim == 3 and values.shape[-1] == 3 and values.dtype == np.uint8: return MaskFile(COLOR, pack(values))
    if values.ndim != 2:
        raise UserError(f"{path}: is an array {list(values.shape)}, and a mask has [H,W] numbers or [H,W,3] colors; "
                        "convert it.")
    if values.dtype.kind not in NUMBERS:
        raise UserError(f"{path}: is an array of {values.dtype}, and a mask has whole numbers; convert it.")
    return MaskFile(GRAY, _whole_numbers(path, values))


def _whole_numbers(path: Path, values: np.ndarray) -> np.ndarray:
    "As int32; `UserError` where they are no class numbers."
    if values.dtype == bool: return values.astype(np.int32)
    broken = values[~np.isfinite(values) | (values != np.round(values))] if values.dtype.kind == "f" else ()
    if len(broken):
        raise UserError(f"{path}: holds numbers such as {broken[0]:.6g}, and classes are whole numbers; convert it.")
    if values.size and (values.min() < 0 or values.max() >= NUM_VALUES):
        raise UserError(f"{path}: holds numbers from {values.min():g} to {values.max():g}, and classes are numbers "
                        f"from 0 to {NUM_VALUES - 1}; convert it.")
    return values.astype(np.int32)


def _gray(path: Path, image: Image.Image): return GRAY, _whole_numbers(path, np.asarray(image))


def _bilevel(path: Path, image: Image.Image):
    return BILEVEL, np.asarray(image).astype(np.int32), np.array([0, 255 * GRAY_STEP])


def _palette(path: Path, image: Image.Image):
    colors = np.zeros((256, 3), dtype=np.int32)
    own = np.array(image.getpalette("RGB"), dtype=np.int32).reshape(-1, 3)
    colors[:len(own)] = own
    return PALETTE, np.asarray(image, dtype=np.int32), pack(colors)


def _color(path: Path, image: Image.Image): return COLOR, pack(np.asarray(image))


def _with_alpha(path: Path, image: Image.Image):
    "Colors, where transparency says nothing more; transparency, where there is one color only."
    *channels, alpha = np.moveaxis(np.asarray(image, dtype=np.int32), -1, 0)
    values = pack(np.stack(channels if len(channels) == 3 else channels * 3, axis=-1))
    is_uniform, is_even = values.min() == values.max(), alpha.min() == alpha.max()
    if is_uniform and not is_even: return ALPHA, alpha, np.full(256, values[0, 0])
    stored = (COLOR, values) if len(channels) == 3 else (GRAY, channels[0])
    if is_even and (alpha.any() or not is_uniform): return stored
    hidden, visible = np.unique(values[alpha == 0]), values[alpha > 0]
    if set(np.unique(alpha)) <= {0, 255} and len(hidden) == 1 and hidden[0] not in visible:
        return *stored, None, int(hidden[0])
    raise UserError(f"{path}: has colors and transparency that don't go together; save the mask without transparency.")


READERS = {"1": _bilevel, "L": _gray, "I": _gray, "I;16": _gray, "I;16B": _gray, "I;16L": _gray, "F": _gray,
           "P": _palette, "RGB": _color, "RGBA": _with_alpha, "LA": _with_alpha}
