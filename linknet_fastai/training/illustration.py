"A finished run, drawn: charts, sheets of pictures, and what its report shows."

from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from ..networks.precision import Machine
from ..runs.figures import class_bars, confusion_chart, curves
from ..runs.gallery import SHOWN
from ..runs.report import write_report
from ..runs.result import Result, described
from ..runs.run import Run
from .batches import SegmentationDataLoaders, SegmentationDL
from .inspection import hardest, picture_table, predicted, results_sheet, titles
from .scoring import reopened, score

SHEET = 6  # pictures on a sheet of results


def draw_training(run: Run, dls: SegmentationDataLoaders):
    "How it learned, and what it learned from."
    protocol = run.config.protocol
    caption = described(run.result().protocol) if run.is_scored else f"{protocol}, trained on {run.config.splits}"
    run.write_figure("curves", curves({run.path.name: run.history}, f"{run.path.name}: {caption}"))
    shares = pd.DataFrame({"train": dls.class_frequencies}, index=dls.vocab)
    run.write_figure("frequencies", class_bars(shares, dls.palette, f"{protocol}: share of the training masks' pixels"))


def draw_results(run: Run, model: nn.Module, dl: SegmentationDL, result: Result, matrices: np.ndarray):
    "What it got right and wrong: charts, three sheets, the gallery, and the report of all that."
    protocol, table = described(result.protocol), picture_table(dl, matrices)
    run.write_figure("iou", class_bars(result.scores.table()[["iou"]], dl.palette, f"IoU\n{protocol}", digits=1))
    run.write_figure("confusion", confusion_chart(result.scores.confusion, dl.vocab, protocol))
    rows = hardest(table)
    middle = max(0, (len(rows) - SHEET) // 2)
    for name, part in {"worst": rows[:SHEET], "median": rows[middle:middle + SHEET], "best": rows[-SHEET:][::-1]}.items():
        run.write_figure(f"{name}-{result.protocol['split']}", results_sheet(model, dl, list(part.index), titles(part), protocol))
    run.gallery.write_table(rows)
    for row, each in enumerate(predicted(model, dl, list(rows.index[:SHOWN]))):
        run.gallery.write(row, each.image.transpose(1, 2, 0), each.truth, each.prediction, dl.palette)
    write_report([run], run.report)


def draw_worst(path: str | Path, split: str, machine: Machine, data: Path | None = None, errors: bool = False) -> Path:
    "A sheet of the pictures of a split that the run at `path` does worst on; its file."
    run = Run.open(path)
    model, dataset, dl = reopened(run, split, machine, data)
    result, matrices = score(model, run, dataset, split, dl)
    rows = hardest(picture_table(dl, matrices))[:SHEET]
    return run.write_figure(f"worst-{split}", results_sheet(model, dl, list(rows.index), titles(rows),
                                                               described(result.protocol), errors))
