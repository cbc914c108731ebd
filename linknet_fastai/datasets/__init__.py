"Folders on disk, as tables of images and masks."

from pathlib import Path

from ..errors import UserError, check_choice
from ..progress import Progress, silent
from .camvid import camvid
from .cityscapes import cityscapes
from .dataset import DatasetOptions, SegmentationDataset
from .folder import folder
from .streets import streets

DATASETS = {"streets": streets, "camvid": camvid, "cityscapes": cityscapes, "folder": folder}


def open_dataset(name: str, root: str | Path | None = None, options: DatasetOptions = DatasetOptions(),
                 progress: Progress = silent) -> SegmentationDataset:
    """The dataset of that name.

    Args:
        name: one of `DATASETS`.
        root: its folder; downloaded or drawn where it isn't given.
        options: how it is opened.
        progress: shows how far the reading of its masks is.

    Raises `UserError` for a name, protocol or class that is unknown, and for a folder that doesn't hold the dataset.
    """
    check_choice("dataset", name, DATASETS)
    opener = DATASETS[name]
    given = {name: getattr(options, name) for name in ("protocol", "images", "masks")
             if getattr(options, name) is not None}
    if opener is folder: dataset = folder(root, **given, progress=progress)
    elif options.images or options.masks:
        raise UserError(f"`--images` and `--masks` name the parts of a `folder`; {name} has its own layout.")
    else: dataset = opener(root, **given)
    return dataset.ignoring(options.ignore) if options.ignore else dataset
