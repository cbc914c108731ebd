"""CVAT's `CVAT for images 1.1`.

An XML file with polygons, boxes, ellipses and bitmaps (docs.cvat.ai, XML annotation format).
"""

from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from PIL import ImageColor

from ...errors import UserError
from ..class_file import Color
from ..splits import split_of_folder
from .draft import Draft
from .export_files import ExportFiles
from .outlines import ellipse, finite, rectangle, ring, turned
from .reading import parse_xml, read_bytes
from .rle import decode_runs
from .shapes import Annotations, Shape

WITHOUT_AREA = ("polyline", "points", "cuboid", "skeleton", "tag")


def recognize(files: ExportFiles) -> Annotations | None:
    "All XML files that are CVAT's. Of shapes, what has a higher `z_order` lies on top, then what comes later."
    found = {path: content for path in files.ending(".xml") if b"<annotations" in (content := read_bytes(path))}
    if not found: return None
    draft = Draft("CVAT XML", files)
    for path, content in found.items(): _add(draft, path, parse_xml(path, content))
    return draft.annotations()


def _add(draft: Draft, path: Path, tree: Element):
    if tree.find("track") is not None:
        raise UserError(f"{path}: holds tracks through a video; export it as `CVAT for images 1.1`, with its frames.")
    for label in tree.iterfind("meta//label"):
        name = label.findtext("name", "").strip()
        # a label inside a skeleton has a parent, and is a point
        if label.find("parent") is None: draft.label(name, f"{path}: a label", _color(path, label.findtext("color")))
    for image in tree.iterfind("image"):
        where = f"{path}: image {image.get('name')}"
        size = int(_number(image, "height", where)), int(_number(image, "width", where))
        shapes = tuple(filter(None, (_shape(draft, element, where, size) for element in image)))
        split = split_of_folder(image.get("subset", ""))
        draft.add_named(image.get("name", ""), path, size, shapes=shapes, split=split)


def _color(path: Path, text: str | None) -> Color | None:
    try: return ImageColor.getrgb(text)[:3] if text else None
    except ValueError as error: raise UserError(f"{path}: a label has the color {text!r}; write #rrggbb.") from error


def _number(element: Element, name: str, where: str, default: float | None = None) -> float:
    text = element.get(name)
    if text is None and default is not None: return default
    try: return float(finite(np.array(float(text)), where))
    except (TypeError, ValueError) as error: raise UserError(f"{where}: has a {element.tag} whose {name} is {text!r}; "
                                                             "correct it.") from error


def _shape(draft: Draft, element: Element, where: str, size: tuple[int, int]) -> Shape | None:
    if element.tag in WITHOUT_AREA:
        draft.notes[f"shapes without an area ({', '.join(WITHOUT_AREA)}) are left out"] += 1
        return None
    if element.tag not in OUTLINES and element.tag != "mask": raise UserError(f"{where}: has a {element.tag}, which "
                                                                              "can't be read; take it out.")
    label, z = draft.label(element.get("label", ""), where), _number(element, "z_order", where, 0)
    if element.tag == "mask": return Shape(label, bitmap=partial(_bitmap, element, where, size), z=z)
    return draft.polygons(label, [OUTLINES[element.tag](element, where)], z)


def _polygon(element: Element, where: str) -> np.ndarray:
    return ring([pair.split(",") for pair in element.get("points", "").split(";")], where)


def _box(element: Element, where: str) -> np.ndarray:
    left, top, right, bottom = (_number(element, name, where) for name in ("xtl", "ytl", "xbr", "ybr"))
    center = (left + right) / 2, (top + bottom) / 2
    return turned(rectangle(left, top, right, bottom), _number(element, "rotation", where, 0), center)


def _ellipse(element: Element, where: str) -> np.ndarray:
    x, y, x_radius, y_radius = (_number(element, name, where) for name in ("cx", "cy", "rx", "ry"))
    return turned(ellipse(x, y, x_radius, y_radius), _number(element, "rotation", where, 0), (x, y))


OUTLINES = {"polygon": _polygon, "box": _box, "ellipse": _ellipse}


def _bitmap(element: Element, where: str, size: tuple[int, int]) -> np.ndarray:
    "Bool `[H,W]` of a bitmap in a box."
    left, top, width, height = (int(_number(element, name, where)) for name in ("left", "top", "width", "height"))
    if min(left, top, width, height) < 0 or left + width > size[1] or top + height > size[0]:
        raise UserError(f"{where}: has a mask whose box leaves the image; correct it.")
    try: counts = [int(count) for count in element.get("rle", "").split(",")]
    except ValueError as error:
        raise UserError(f"{where}: has a mask whose rle is damaged ({error}); export it again.") from error
    mask = np.zeros(size, dtype=bool)
    mask[top:top + height, left:left + width] = decode_runs(counts, (height, width), False, where)
    return mask
