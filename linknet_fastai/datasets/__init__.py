"Folders on disk, as tables of pictures and masks."

from pathlib import Path

from ..errors import UserError
from .camvid import camvid
from .dataset import SegmentationDataset
from .streets import streets

DATASETS = {"streets": streets, "camvid": camvid}


def open_dataset(name: str, root: str | Path | None = None, protocol: str | None = None) -> SegmentationDataset:
    "The data set of that name, from the folder `root`; downloaded or drawn where it isn't given."
    if name not in DATASETS:
        raise UserError(f"data set {name!r} is unknown; there are {', '.join(DATASETS)}.")
    opener = DATASETS[name]
    return opener(root) if protocol is None else opener(root, protocol)
