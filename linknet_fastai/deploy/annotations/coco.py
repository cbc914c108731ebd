"Predictions as COCO JSON, one file for all images, to be corrected (cocodataset.org/#format-data)."

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .polygons import regions_in_parts


def coco_content(predictions: Iterable[tuple[Path, tuple[int, int], list[dict]]],
                 classes: tuple[str, ...]) -> dict[str, Any]:
    """Images, annotations and categories, all numbered from 1.

    Args:
        predictions: of each image its path, its size (height, width), and what `coco_annotations` gave.
        classes: the names of the categories.
    """
    images, annotations = [], []
    for image_id, (image, (height, width), found) in enumerate(predictions, start=1):
        images.append({"id": image_id, "file_name": image.as_posix(), "height": height, "width": width})
        annotations += [{"id": len(annotations) + number, "image_id": image_id, **each}
                        for number, each in enumerate(found, start=1)]
    categories = [{"id": number, "name": name, "supercategory": ""} for number, name in enumerate(classes, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def coco_annotations(mask: np.ndarray, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """The regions of a mask uint8 `[H,W]`; `area` and `bbox` are of its pixels.

    COCO's polygons know no holes, so a region with holes is cut into parts. The background is what is left.
    """
    return [{"category_id": region.index + 1, "iscrowd": 0, "area": region.area, "bbox": list(region.box),
             "segmentation": [part.ravel().tolist() for part in region.polygons]}
            for region in regions_in_parts(mask) if classes[region.index].strip("_").lower() != "background"]
