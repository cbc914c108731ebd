"What a check found, as a table and a chart."

from pathlib import Path

import pandas as pd

from ..datasets.check import CheckResult
from ..files import atomic_write, writable_folder
from .charts import class_bars, save_figure


def write_check(result: CheckResult, classes: pd.DataFrame, out: Path):
    "`classes`, a row a class, as `classes.csv`, and the class frequencies by split as `classes.png`, in the folder `out`."
    writable_folder(out)
    with atomic_write(out / "classes.csv") as file: classes.to_csv(file)
    dataset = result.dataset
    save_figure(out / "classes.png", class_bars(result.frequencies, dataset.palette, f"{dataset.protocol}: frequency among the pixels"))
