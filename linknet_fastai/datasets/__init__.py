"Folders on disk, as tables of pictures and masks."

from pathlib import Path

from ..errors import UserError
from .camvid import camvid
from .dataset import VOID, SegmentationDataset
from .streets import streets

DATASETS = {"streets": streets, "camvid": camvid}


def open_dataset(name: str, root: str | Path | None = None) -> SegmentationDataset:
    "The data set of that name, from the folder `root` where it needs one."
    if name not in DATASETS:
        raise UserError(f"data set {name!r} is unknown; there are {', '.join(DATASETS)}.")
    if root is None and name != "streets":
        raise UserError(f"{name} needs its pictures: pass their folder with `--data DIR`.")
    return DATASETS[name](root) if root is not None else DATASETS[name]()
