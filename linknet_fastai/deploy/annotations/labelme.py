"Predictions as LabelMe JSON, a file an image, to be corrected (github.com/wkentaro/labelme)."

import os
from pathlib import Path
from typing import Any

import numpy as np

from .polygons import regions

VERSION = "5.4.1"  # LabelMe's, of the format


def labelme_content(image: Path, mask: np.ndarray, classes: tuple[str, ...], file: Path) -> dict[str, Any]:
    """What LabelMe opens: the regions of a mask as polygons, those that lie in others' holes after them.

    Args:
        image: the image's file.
        mask: its classes, uint8 `[H,W]`.
        classes: their names.
        file: the JSON file to be; the image's path is relative to its folder.
    """
    shapes = [{"label": classes[region.index], "points": region.polygons[0].tolist(), "group_id": None,
               "description": "", "shape_type": "polygon", "flags": {}} for region in regions(mask)]
    height, width = mask.shape
    return {"version": VERSION, "flags": {}, "shapes": shapes, "imagePath": relative_path(image, file.parent),
            "imageData": None, "imageHeight": height, "imageWidth": width}


def relative_path(image: Path, folder: Path) -> str:
    "With slashes; the absolute path where there is no way from the folder, as between drives."
    image = image.parent.resolve() / image.name  # which may be a link, and keeps its own name
    try: return Path(os.path.relpath(image, folder.resolve())).as_posix()
    except ValueError: return image.as_posix()
