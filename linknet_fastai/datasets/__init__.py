"Folders on disk, as tables of images and masks."

from pathlib import Path

from ..dataset_options import DatasetOptions
from ..errors import UserError, check_choice
from ..progress import Progress, silent
from .camvid import camvid
from .cityscapes import cityscapes
from .dataset import SegmentationDataset
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
        progress: shows how far the reading of a folder's masks is, or the drawing of `streets`.

    Raises `UserError` for a name, protocol or class that is unknown, and for a folder that doesn't hold the dataset.
    """
    check_choice("dataset", name, DATASETS)
    opener = DATASETS[name]
    if opener is folder: return folder(root, options, progress)
    if options.names_files or options.follow_links:
        raise UserError(f"`--images`, `--masks`, `--mask-pattern` and `--follow-links` are for a `folder`; {name} has "
                        "its own layout.")
    given = {} if options.protocol is None else dict(protocol=options.protocol)
    if opener is streets: given["progress"] = progress
    dataset = opener(root, **given)
    if options.channels != dataset.channels: dataset = dataset.with_channels(options.channels)
    return dataset.ignoring(options.ignore) if options.ignore else dataset
