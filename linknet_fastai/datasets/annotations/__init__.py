"What annotation tools export, read as shapes on images and drawn as masks."

from ...errors import UserError
from . import coco, cvat, cvat_masks, label_studio, labelme, roboflow_masks, yolo
from .export_files import ExportFiles
from .shapes import Annotations

READERS = (coco, labelme, cvat, cvat_masks, label_studio, yolo, roboflow_masks)  # each has `recognize(ExportFiles)`


def recognize(files: ExportFiles) -> Annotations | None:
    """What an annotation tool exported, or None where no such export is among the files.

    Raises `UserError`, which names the file, where an export is damaged, doesn't fit its images or leads out of the
    folder, and where there are two.
    """
    found = [annotations for reader in READERS if (annotations := reader.recognize(files)) is not None]
    if len(found) > 1:
        raise UserError(f"{files.root}: holds {found[0].description}, and also {found[1].description}; leave one of "
                        "them there.")
    return found[0] if found else None
