"The split of a folder, written down where its owner may edit it."

from pathlib import Path

from ..datasets.dataset import SegmentationDataset
from ..datasets.folder import DRAWN, split_table
from ..errors import UserError
from ..files import write_csv


def split_folder(dataset: SegmentationDataset) -> tuple[Path, dict[str, int]]:
    "Write the split that was drawn for `dataset` to its `splits.csv`; the file, and how many images a split has."
    path = dataset.root / "splits.csv"
    if dataset.split_source != DRAWN:
        raise UserError(f"{dataset.root}: has a split already, from {dataset.split_source}; nothing is drawn.")
    table = split_table(dataset)
    write_csv(path, table)
    return path, table.split.value_counts().to_dict()
