"Label Studio's JSON: polygons, rectangles, ellipses and brushes in percent of the image (labelstud.io/guide/export)."

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from ...errors import UserError
from .draft import Draft
from .export_files import ExportFiles
from .label_studio_rle import decode_brush
from .outlines import ellipse, finite, rectangle, ring, turned
from .reading import checked, parse_json, read_bytes
from .shapes import Annotations, Shape

WITHOUT_AREA = ("keypointlabels", "vectorlabels", "choices", "textarea", "rating", "taxonomy", "number", "datetime",
                "pairwise", "ranker", "relation")
UPLOAD = re.compile(r"^[0-9a-f]{8}-")  # which Label Studio puts before the names of uploaded files


class Region(BaseModel):
    "What was drawn on an image, or said of it; `type` says which `value` it has, and `to_name` on which image."

    type: str
    value: dict[str, Any] = {}  # a relation between two regions has none
    original_width: int | None = None
    original_height: int | None = None
    image_rotation: float | None = 0
    to_name: str | None = None


class Annotation(BaseModel):
    "What one annotator made of a task; a cancelled one was skipped, the ground truth holds among several."

    result: list[Region]
    was_cancelled: bool | None = False
    ground_truth: bool | None = False


class Task(BaseModel):
    "An image to annotate, named in one of the fields of `data`, with the annotations of it."

    id: int | str | None = None
    data: dict[str, Any]
    annotations: list[Annotation]


def recognize(files: ExportFiles) -> Annotations | None:
    "All JSON files that are Label Studio's. Later regions lie on top. Predictions are no annotations."
    found = {path: content for path in files.ending(".json") if (content := _read(path)) is not None}
    if not found: return None
    draft = Draft("Label Studio JSON", files)
    labels = {label for tasks in found.values() for task in tasks for annotation in task.annotations
              for region in annotation.result for label in _labels(region)}
    for label in sorted(labels): draft.label(label, str(files.root))
    for path, tasks in found.items():
        for number, task in enumerate(tasks): _add(draft, path, f"{path}: task {task.id or number}", task)
    return draft.annotations()


def _read(path: Path) -> list[Task] | None:
    "None where a JSON file is something else."
    content = read_bytes(path)
    if b"original_width" not in content and b'"annotations"' not in content: return None
    values = parse_json(path, content)
    if not isinstance(values, list) or not all(isinstance(each, dict) for each in values): return None
    if any("data" in each and "annotations" in each for each in values): return checked(list[Task], values, path)
    if b"original_width" not in content: return None
    raise UserError(f"{path}: is Label Studio's JSON-MIN, which leaves out what regions are; export it as JSON.")


def _add(draft: Draft, path: Path, where: str, task: Task):
    done = [annotation for annotation in task.annotations if not annotation.was_cancelled]
    true = [annotation for annotation in done if annotation.ground_truth]
    if len(true) == 1: done = true
    if not done:
        draft.notes["tasks have no annotation that was submitted and are left out"] += 1
        return
    if len(done) > 1: raise UserError(f"{where} has {len(done)} annotations; mark one as the ground truth, or remove "
                                      "the others.")
    on = {region.to_name for region in done[0].result if region.type not in WITHOUT_AREA}
    if len(on) > 1:
        raise UserError(f"{where} has regions on several images ({', '.join(sorted(map(str, on)))}); annotate one "
                        "image a task.")
    name = _image_name(where, task.data, next(iter(on), None))
    image = draft.files.image(name, path)
    if image is None: image = draft.files.image(UPLOAD.sub("", Path(name).name), path)
    if image is None:
        draft.missing.append((name, path))
        return
    sizes = {(region.original_height, region.original_width) for region in done[0].result
             if region.original_height and region.original_width}
    if len(sizes) > 1: raise UserError(f"{where} has regions on images of different sizes; annotate the image anew.")
    draft.add(image, path, next(iter(sizes), None))
    size = draft.images[image].size
    draft.extend(image, [shape for region in done[0].result if (shape := _shape(draft, where, region, size))])


def _image_name(where: str, data: dict[str, Any], on: str | None) -> str:
    "The one field of a task that names an image, or the one called as what its regions are `on`, or `image`."
    names = {key: value for key, value in data.items() if isinstance(value, str) and "." in value}
    if on in names: return names[on]
    if "image" in names: return names["image"]
    if len(names) != 1: raise UserError(f"{where} has no field `image` in its data; add one.")
    return next(iter(names.values()))


def _labels(region: Region) -> list[str]:
    labels = region.value.get(region.type) if region.type in OUTLINES or region.type == "brushlabels" else None
    return [label for label in labels or [] if isinstance(label, str)]


def _shape(draft: Draft, where: str, region: Region, size: tuple[int, int]) -> Shape | None:
    if region.type in WITHOUT_AREA:
        draft.notes["regions without an area are left out"] += 1
        return None
    if region.type not in OUTLINES and region.type != "brushlabels":
        raise UserError(f"{where} has a region of type {region.type}, which can't be read; use PolygonLabels, "
                        "BrushLabels, RectangleLabels or EllipseLabels.")
    if region.image_rotation: raise UserError(f"{where} is annotated on a turned image; turn the image itself.")
    labels = _labels(region)
    if len(labels) != 1:
        raise UserError(f"{where} has a region with {len(labels)} labels, and a pixel has one class; give it one.")
    label = draft.label(labels[0], where)
    if region.type == "brushlabels": return _brush(where, region.value, label, size)
    try: outline = OUTLINES[region.type](region.value, where, size)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where} has a {region.type} region that is damaged ({error}); export it again.") from error
    return draft.polygons(label, [outline])


def _brush(where: str, value: dict[str, Any], label: str | None, size: tuple[int, int]) -> Shape:
    try: content = bytes(value["rle"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where} has a brush without runs ({error}); export it again as JSON.") from error
    return Shape(label, bitmap=partial(decode_brush, content, size, where))


def _polygon(value: dict[str, Any], where: str, size: tuple[int, int]) -> np.ndarray:
    return ring(value["points"], where) * (size[1] / 100, size[0] / 100)


def _rectangle(value: dict[str, Any], where: str, size: tuple[int, int]) -> np.ndarray:
    "Its rotation is around its first corner."
    x, y, width, height = _pixels(value, ("x", "y", "width", "height"), where, size)
    return turned(rectangle(x, y, x + width, y + height), float(value.get("rotation") or 0), (x, y))


def _ellipse(value: dict[str, Any], where: str, size: tuple[int, int]) -> np.ndarray:
    x, y, x_radius, y_radius = _pixels(value, ("x", "y", "radiusX", "radiusY"), where, size)
    return turned(ellipse(x, y, x_radius, y_radius), float(value.get("rotation") or 0), (x, y))


def _pixels(value: dict[str, Any], names: tuple[str, ...], where: str, size: tuple[int, int]) -> np.ndarray:
    "The four numbers of these names, horizontal and vertical in turn, from percent."
    numbers = finite(np.array([value[name] for name in names], dtype=float), where)
    return numbers * np.array([size[1], size[0]] * 2) / 100


OUTLINES = {"polygonlabels": _polygon, "rectanglelabels": _rectangle, "ellipselabels": _ellipse}
