"LabelMe JSON: a file an image, with polygons, rectangles, circles and bitmaps (github.com/wkentaro/labelme)."

import base64
import io
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel

from ...errors import UserError, hxw
from ...images.exif import orientation_of
from ...images.opening import decoding, opened
from ...images.paths import SUFFIXES
from .draft import Draft
from .export_files import ExportFiles
from .outlines import ellipse, rectangle, ring
from .reading import checked, parse_json, read_bytes
from .shapes import Annotations, Shape

WITHOUT_AREA = ("line", "linestrip", "point", "points")
SMALL, ALIKE = 32, 3.0  # pixels a side at which two images are compared; their mean difference in gray levels
EIGHT_BITS = ("RGB", "RGBA", "L", "P")  # of Pillow's modes


class Drawn(BaseModel):
    "A shape: its points (x, y) in pixels; `mask` is the bitmap in the box of two points, a PNG in base64."

    label: str
    points: list[tuple[float, float]]
    shape_type: str | None = None  # None: of before there were others than polygons
    mask: str | None = None


class File(BaseModel):
    "All that is read of one LabelMe JSON file: an image, by its name or as base64, and the shapes on it."

    shapes: list[Drawn]
    imagePath: str
    imageData: str | None = None
    imageHeight: int | None = None
    imageWidth: int | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        "(height, width) of the image, where both are said."
        return (self.imageHeight, self.imageWidth) if self.imageHeight and self.imageWidth else None


def recognize(files: ExportFiles) -> Annotations | None:
    """All JSON files that are LabelMe's.

    Later shapes lie on top. `labels.txt`, which LabelMe takes as `--labels`, orders the classes.
    """
    found = {path: content for path in files.ending(".json") if (content := _read(path))}
    if not found: return None
    draft = Draft("LabelMe JSON", files)
    for names in files.ending("labels.txt"):
        if names == files.root / "labels.txt": _add_names(draft, names)
    for name in sorted({drawn.label for content in found.values() for drawn in content.shapes}):
        draft.label(name, str(files.root))
    for path, content in found.items(): _add(draft, path, content)
    return draft.annotations()


def _add_names(draft: Draft, path: Path):
    for line in read_bytes(path).decode("utf-8-sig", errors="replace").splitlines():
        if line.strip(): draft.label(line, str(path))


def _read(path: Path) -> File | None:
    "None where a JSON file is something else."
    content = read_bytes(path)
    if b'"shapes"' not in content: return None
    values = parse_json(path, content)
    return checked(File, values, path) if isinstance(values, dict) and {"shapes",
                                                                        "imagePath"} <= values.keys() else None


def _add(draft: Draft, path: Path, content: File):
    image, size, embedded = draft.files.image(content.imagePath, path), content.size, None
    for suffix in SUFFIXES if image is None else (): image = image or draft.files.image(f"{path.stem}{suffix}", path)
    if image is not None and _is_anothers(draft, path, image, content): image = None
    if image is None and content.imageData:
        embedded, size, format = _embedded(path, content.imageData, content.size)
        image = path.with_suffix(f".{format}")
    if image is None:
        draft.missing.append((content.imagePath, path))
        return
    wheres = [f"{path}: shape {number} ({drawn.label})" for number, drawn in enumerate(content.shapes)]
    draft.add(image, path, size, content=embedded)
    size = draft.images[image].size
    shapes = [_shape(draft, where, drawn, size) for where, drawn in zip(wheres, content.shapes)]
    draft.extend(image, [shape for shape in shapes if shape])


def _is_anothers(draft: Draft, path: Path, image: Path, content: File) -> bool:
    """Whether an image of the right name in another folder isn't the one that the file `path` annotates.

    It isn't where the file holds another image, nor where the file lies among images, as LabelMe saves it.
    """
    if image.parent in (path.parent, Path(os.path.normpath(path.parent / content.imagePath)).parent): return False
    if not content.imageData: return any(other.parent == path.parent for other in draft.files.images)
    with (_decoded(f"{path}: its imageData", content.imageData) as held, decoding(image),
          opened(draft.files.allowed(image)) as there):
        if held.size != there.size: return True
        return there.mode in EIGHT_BITS and np.abs(_small(held) - _small(there)).mean() > ALIKE


def _small(image: Image.Image) -> np.ndarray:
    "Of so few pixels there is little to see of LabelMe's own compression."
    return np.asarray(image.convert("RGB").resize((SMALL, SMALL), Image.Resampling.BOX), dtype=float)


def _embedded(path: Path, data: str, said: tuple[int, int] | None) -> tuple[Callable[[], bytes], tuple[int, int], str]:
    "How to get at the bytes of an image that a JSON file holds, its size and its format."
    with _decoded(f"{path}: its imageData", data) as image:
        size, kind = image.size[::-1], image.format.lower()
        if orientation_of(image) != 1:
            raise UserError(f"{path}: its imageData is turned by an EXIF tag, so there is no telling how it lay when "
                            "shapes were drawn on it; save the image without the tag, and annotate that.")
    if said not in (None, size): raise UserError(f"{path}: its imageData is {hxw(size)}, but it says "
                                                 f"{hxw(said)}; correct it.")
    # read again when it is needed: all images of a folder would fill the memory
    return lambda: base64.b64decode(parse_json(path, read_bytes(path))["imageData"]), size, kind


@contextmanager
def _decoded(where: str, data: str) -> Iterator[Image.Image]:
    with decoding(where, remedy="save it again"), opened(io.BytesIO(base64.b64decode(data))) as image: yield image


def _shape(draft: Draft, where: str, drawn: Drawn, size: tuple[int, int]) -> Shape | None:
    label, kind = draft.label(drawn.label, where), drawn.shape_type or "polygon"
    if kind in WITHOUT_AREA:
        draft.notes[f"shapes without an area ({', '.join(WITHOUT_AREA)}) are left out"] += 1
        return None
    points = ring(drawn.points, where)
    wanted = {"circle": (2,), "mask": (2,), "rectangle": (2, 4), "oriented_rectangle": (4,),
              "rotation": (4,)}.get(kind)
    if (wanted is None and kind != "polygon") or len(points) not in (wanted or range(1, len(points) + 1)):
        raise UserError(f"{where}: is a {kind} of {len(points)} points, which can't be read; draw it again.")
    if kind == "mask": return Shape(label, bitmap=partial(_bitmap, where, drawn.mask, points, size))
    if kind == "circle": points = ellipse(*points[0], *[math.dist(*points)] * 2)
    if kind == "rectangle" and len(points) == 2: points = rectangle(*points[0], *points[1])
    return draft.polygons(label, [points])


def _bitmap(where: str, data: str | None, box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    "Bool `[H,W]` of a bitmap in a box, whose last row and column belong to it."
    with _decoded(f"{where}: its mask", data or "") as image: inside = np.asarray(image.convert("L")) > 0
    (left, top), (right, bottom) = box.astype(int)
    shape = (bottom - top + 1, right - left + 1)
    if inside.shape != shape or left < 0 or top < 0 or right >= size[1] or bottom >= size[0]:
        raise UserError(f"{where}: its mask is {hxw(inside.shape)}, and its box doesn't fit it or the "
                        "image; draw it again.")
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom + 1, left:right + 1] = inside
    return mask
