"Images with shapes on them, whatever tool they were drawn with."

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..class_file import Color

SLACK = 0.01  # of the image, that a point in fractions of it may lie outside
BACKGROUNDS = ("background", "_background_", "__background__")
VOID_NAMES = ("void", "ignore", "ignored", "__ignore__")


@dataclass(frozen=True)
class Shape:
    """A region of one class; where `label` is None, it is void.

    It is what lies in any of its `rings`, float `[N,2]` of (x, y) in pixels from the image's upper left corner, or
    where `bitmap()`, bool `[H,W]`, is true. A shape of higher `z` hides what lies below it; of equal ones the later
    does.
    """

    label: str | None
    rings: tuple[np.ndarray, ...] = ()
    bitmap: Callable[[], np.ndarray] | None = None
    z: float = 0


@dataclass(frozen=True)
class AnnotatedImage:
    """An image file of `size` (height, width), its split where that is known, and the shapes on it.

    Where the export has masks instead of shapes, `mask()` gives the class of each pixel, uint8 `[H,W]`, and `VOID`.
    Where it holds the image itself, `content()` gives the bytes of that file, and `image` is a path at which there is
    none.
    """

    image: Path
    size: tuple[int, int]
    split: str | None = None
    shapes: tuple[Shape, ...] = ()
    mask: Callable[[], np.ndarray] | None = None
    content: Callable[[], bytes] | None = None


@dataclass(frozen=True)
class Annotations:
    """All of an export below the folder `root`.

    The first of its classes, unless it has masks, is that of pixels without a shape.
    """

    root: Path
    description: str
    classes: tuple[str, ...]
    palette: tuple[Color, ...] | None
    images: list[AnnotatedImage]


def is_background(name: str) -> bool:
    "Whether a class of this name is what no shape covers."
    return name.lower() in BACKGROUNDS


def class_name(label: str) -> str | None:
    """A label as a class is named in `classes.txt`; None for the names of void.

    There it is a line, and nothing but a name: what would be read as a color, a comment or void is changed.
    """
    words = label.split()
    if " ".join(words).lower() in VOID_NAMES: return None
    has_color = len(words) > 3 and all(word.isdecimal() for word in words[-3:])
    if has_color or (words and words[0].lower() == "void"): return "_".join(words)
    return re.sub("^#", "no.", " ".join(words))
