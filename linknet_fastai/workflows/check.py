"A dataset, checked: whether it is sound, and what its classes weigh."

from pathlib import Path

import pandas as pd

from ..datasets.check import CheckResult, check
from ..datasets.dataset import SegmentationDataset
from ..progress import Progress, silent
from ..reports.dataset_check import write_check
from ..training.class_weights import class_weights


def check_dataset(dataset: SegmentationDataset, out: Path,
                  progress: Progress = silent) -> tuple[CheckResult, pd.DataFrame]:
    """Read every sample of `dataset`; what was found, and a table of its classes.

    The table has a row a class: its frequency by split, and its published weight in the loss. It is written to the
    folder `out`, as `classes.csv` and `classes.png`. `progress` shows how far the reading is.
    """
    result = check(dataset, progress)
    classes = result.frequencies
    if "train" in classes: classes = classes.assign(weight=class_weights(classes.train))
    write_check(result, classes, out)
    return result, classes
