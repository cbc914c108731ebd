"Folders on disk, as tables of images and masks."

from pathlib import Path

from ..errors import UserError, check_choice
from ..progress import Progress, silent
from .camvid import camvid
from .cityscapes import cityscapes
from .dataset import SegmentationDataset
from .folder import folder
from .streets import streets

DATASETS = {"streets": streets, "camvid": camvid, "cityscapes": cityscapes, "folder": folder}


def open_dataset(name: str, root: str | Path | None = None, protocol: str | None = None, images: str | None = None,
                 masks: str | None = None, progress: Progress = silent) -> SegmentationDataset:
    """The dataset of that name, from the folder `root`; downloaded or drawn where it isn't given.

    `images` and `masks` are the names of the parts of a `folder`, `progress` shows how far the reading of its masks is.
    """
    check_choice("dataset", name, DATASETS)
    opener = DATASETS[name]
    words = {"protocol": protocol, "images": images, "masks": masks}
    given = {word: value for word, value in words.items() if value is not None}
    if opener is folder: return folder(root, **given, progress=progress)
    if images or masks: raise UserError(f"`--images` and `--masks` name the parts of a `folder`; {name} has its own layout.")
    return opener(root, **given)
