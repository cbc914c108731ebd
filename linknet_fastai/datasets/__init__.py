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
        options: what else is said of it.
        progress: shows how far the reading of its masks is.

    Raises `UserError` for what is unknown, and for a folder that doesn't hold it.
    """
    check_choice("dataset", name, DATASETS)
    opener = DATASETS[name]
    given = {word: getattr(options, word) for word in ("protocol", "images", "masks") if getattr(options, word) is not None}
    if opener is folder: dataset = folder(root, **given, progress=progress)
    elif options.images or options.masks:
        raise UserError(f"`--images` and `--masks` name the parts of a `folder`; {name} has its own layout.")
    else: dataset = opener(root, **given)
    return dataset.ignoring(options.ignore) if options.ignore else dataset
