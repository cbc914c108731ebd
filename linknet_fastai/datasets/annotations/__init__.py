"What annotation tools export, read as shapes on images and written as masks."

from pathlib import Path

from ...errors import UserError
from . import coco, cvat, cvat_masks, label_studio, labelme, roboflow_masks, yolo
from .export_files import ExportFiles
from .masks import new_folder, write_masks
from .rasterize import rasterize
from .shapes import AnnotatedImage, Annotations, Shape

__all__ = ["AnnotatedImage", "Annotations", "Shape", "new_folder", "rasterize", "recognize", "write_masks"]

READERS = (coco, labelme, cvat, cvat_masks, label_studio, yolo, roboflow_masks)  # each has `recognize(ExportFiles)`


def recognize(root: Path, follow_links: bool = False) -> Annotations | None:
    """What an annotation tool exported to the folder `root`, or None where no such export lies there.

    `follow_links` allows links that lead out of the folder. Raises `UserError`, which names the file, where an export is damaged, doesn't
    fit its images or leads out of the folder, and where there are two.
    """
    files = ExportFiles(root, follow_links)
    found = [annotations for reader in READERS if (annotations := reader.recognize(files)) is not None]
    if len(found) > 1:
        raise UserError(f"{root}: holds {found[0].description}, and also {found[1].description}; leave one of them there.")
    return found[0] if found else None
