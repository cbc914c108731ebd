"Whether a dataset is sound, and what its classes weigh."

from pathlib import Path

import pandas as pd

from ..datasets.check import CheckResult, check
from ..datasets.dataset import SegmentationDataset
from ..progress import Progress, silent
from ..reports.dataset_check import write_check
from ..training.class_weights import class_weights


def check_dataset(dataset: SegmentationDataset, out: Path, progress: Progress = silent) -> tuple[CheckResult, pd.DataFrame]:
    """Read every sample; what was found, and a row a class: its frequency by split, and its weight in the loss.

    `classes.csv` and `classes.png` are written to the folder `out`. `progress` shows how far the reading is.
    """
    result = check(dataset, progress)
    classes = result.frequencies
    if "train" in classes: classes = classes.assign(weight=class_weights(classes.train))
    write_check(result, classes, out)
    return result, classes
