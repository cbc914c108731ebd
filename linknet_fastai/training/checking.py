"What a check found, as a table and a picture."

from pathlib import Path

import pandas as pd

from ..datasets.check import Report
from ..files import writable_folder, written_whole
from ..runs.figures import class_bars, save_figure
from .class_weights import class_weights


def write_check(report: Report, out: Path) -> pd.DataFrame:
    "Share of each class by split, and its weight in the loss: `classes.csv` and `classes.png` in the folder `out`."
    writable_folder(out)
    classes = report.frequencies
    if "train" in classes: classes = classes.assign(weight=class_weights(classes.train))
    with written_whole(out / "classes.csv") as file: classes.to_csv(file)
    dataset = report.dataset
    save_figure(out / "classes.png", class_bars(report.frequencies, dataset.palette, f"{dataset.protocol}: share of the pixels"))
    return classes
