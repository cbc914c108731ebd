"What a check of a dataset found, as a table and a chart."

from pathlib import Path

import pandas as pd

from ..datasets.check import CheckResult
from ..files import writable_folder, write_csv
from .charts import class_bars, save_figure


def write_check(result: CheckResult, classes: pd.DataFrame, out: Path):
    """Write a check to the folder `out`: `classes`, a row a class, as `classes.csv`, and a chart as `classes.png`.

    The chart has each class's frequency by split.
    """
    writable_folder(out)
    write_csv(out / "classes.csv", classes, index=True)
    dataset = result.dataset
    title = f"{dataset.protocol}: frequency among the pixels"
    save_figure(out / "classes.png", class_bars(result.frequencies, dataset.palette, title))
