"COCO JSON: polygons and run lengths by image and category (cocodataset.org/#format-data)."

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, FiniteFloat

from ...errors import UserError, hxw
from .draft import Draft
from .export_files import ExportFiles
from .outlines import ring
from .rasterize import area
from .reading import checked, parse_json, read_bytes
from .rle import decode_runs, decompress_counts
from .shapes import Annotations, Shape

Id = int | str


class Image(BaseModel):
    "An image file, and its size where that is said."

    id: Id
    file_name: str
    height: int | None = None
    width: int | None = None


class Category(BaseModel):
    "A class; one with `keypoints` is annotated by points."

    id: Id
    name: str
    supercategory: str | None = None
    keypoints: list[Any] | None = None


class Runs(BaseModel):
    "A bitmap of `size` (height, width) as run lengths, which may be compressed to text."

    size: tuple[int, int]
    counts: str | list[int]


class Annotation(BaseModel):
    "An object on an image: polygons of x and y in turn, or a bitmap."

    id: Id | None = None
    image_id: Id
    category_id: Id
    segmentation: list[list[FiniteFloat]] | Runs | None = None
    iscrowd: int | None = 0


class File(BaseModel):
    "All that is read of one COCO JSON file."

    images: list[Image]
    categories: list[Category]
    annotations: list[Annotation]


def recognize(files: ExportFiles) -> Annotations | None:
    "All JSON files that are COCO's; those of key points only if there are no others. What covers less lies on top."
    read = {path: values for path in files.ending(".json") if (values := _read(path))}
    panoptic = [path for path, values in read.items() if _is_panoptic(values)]
    if panoptic and len(panoptic) == len(read):
        raise UserError(f"{panoptic[0]}: is COCO's panoptic format, whose masks number segments; convert it to "
                        "instances (`panopticapi`).")
    found = {path: checked(File, values, path) for path, values in read.items() if path not in panoptic}
    persons = {path for path, content in found.items() if all(category.keypoints for category in content.categories)}
    if len(persons) < len(found): found = {path: content for path, content in found.items() if path not in persons}
    if not found: return None
    draft = Draft("COCO JSON", files)
    if panoptic: draft.notes["files of the panoptic format are left out"] = len(panoptic)
    for path, content in found.items(): _add(draft, path, content)
    return draft.annotations()


def _read(path: Path) -> dict[str, Any] | None:
    "None where a JSON file is something else."
    content = read_bytes(path)
    if b'"images"' not in content or (b'"annotations"' not in content and b'"categories"' not in content): return None
    values = parse_json(path, content)
    if not isinstance(values, dict) or not {"images", "annotations", "categories"} <= values.keys(): return None
    return values


def _is_panoptic(values: dict[str, Any]) -> bool:
    annotations = values["annotations"]
    return isinstance(annotations, list) and any(isinstance(each, dict) and "segments_info" in each
                                                 for each in annotations)


def _add(draft: Draft, path: Path, content: File):
    used = {annotation.category_id for annotation in content.annotations}
    parents = {category.supercategory for category in content.categories}
    labels = {category.id: draft.label(category.name, f"{path}: category {category.id}")
              for category in content.categories
              if category.id in used or not (category.supercategory == "none"
                                             and category.name in parents)}  # Roboflow's for the whole
    if _doubles(content.categories):
        raise UserError(f"{path}: two categories have the id {_doubles(content.categories)[0]}; correct it.")
    if _doubles(content.images): raise UserError(f"{path}: two images have the id {_doubles(content.images)[0]}; "
                                                 "correct it.")
    sizes = {image.id: (image.height, image.width) if image.height and image.width else None
             for image in content.images}
    shapes = {image.id: [] for image in content.images}
    for number, annotation in enumerate(content.annotations):
        where = f"{path}: annotation {number if annotation.id is None else annotation.id}"
        if annotation.category_id not in labels: raise UserError(f"{where} has the category {annotation.category_id}, "
                                                                 "which isn't listed.")
        if annotation.image_id not in shapes: raise UserError(f"{where} is on the image {annotation.image_id}, which "
                                                              "isn't listed.")
        # a crowd is of its class too: exporters mark whatever was brushed so
        if annotation.iscrowd: draft.notes["regions are crowds, read as their class"] += 1
        shape = _shape(draft, where, annotation.segmentation, labels[annotation.category_id],
                       sizes[annotation.image_id])
        if shape: shapes[annotation.image_id].append(shape)
    for image in content.images: draft.add_named(image.file_name, path, sizes[image.id], shapes=tuple(shapes[image.id]))


def _doubles(items: list) -> list[Id]:
    return [id for id, count in Counter(item.id for item in items).items() if count > 1]


def _shape(draft: Draft, where: str, segmentation: list[list[float]] | Runs | None, label: str | None,
           size: tuple[int, int] | None) -> Shape | None:
    if not segmentation or segmentation == [[]]:
        raise UserError(f"{where} has a box but no outline, and a box is no segmentation; export instances with "
                        "polygons.")
    if isinstance(segmentation, Runs): return _bitmap(where, segmentation, label, size)
    for polygon in segmentation:
        if len(polygon) % 2 or len(polygon) == 4: raise UserError(f"{where} has a polygon of {len(polygon)} numbers; "
                                                                  "correct it.")
    rings = [ring(np.reshape(polygon, (-1, 2)), where) for polygon in segmentation]
    return draft.polygons(label, rings, z=-area(rings))


def _bitmap(where: str, runs: Runs, label: str | None, size: tuple[int, int] | None) -> Shape:
    if size is None or runs.size != size:
        raise UserError(f"{where} is a bitmap of {hxw(runs.size)}, its image "
                        f"{hxw(size) if size else 'of a size that is not said'}; correct it.")
    counts = decompress_counts(runs.counts, where) if isinstance(runs.counts, str) else runs.counts
    return Shape(label, bitmap=partial(decode_runs, counts, size, True, where), z=-sum(counts[1::2]))
