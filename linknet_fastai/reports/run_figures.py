"A finished run, drawn: charts, grids of images, and what its report shows."

from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from ..dataloaders.dataloaders import SegmentationDataLoaders
from ..dataloaders.segmentation_dl import SegmentationDL
from ..datasets.splits import SPLITS
from ..evaluation.result import Result, describe_protocol
from ..images.format import displayed
from ..images.grid import plain
from ..runs.run import Run
from .charts import class_bars, confusion_chart, curves, save_figure
from .gallery import SHOWN, Gallery
from .report import write_report
from .results import image_table, predict_samples, results_grid, titles, worst

GRID = 6  # images in a grid of results
FIGURES = ("curves", "frequencies", "iou", "confusion",
           *(f"{which}-{split}" for which in ("worst", "median", "best") for split in (*SPLITS, "all")))


def draw_run(run: Run, history: pd.DataFrame, model: nn.Module, dls: SegmentationDataLoaders, result: Result,
             matrices: np.ndarray):
    """Write all that a scored run shows, the report last.

    Args:
        run: the run folder.
        history: a row an epoch.
        model: images `[B,3,H,W]` to logits `[B,C,H,W]`.
        dls: the batches that it was trained and scored on.
        result: its validation scores.
        matrices: each validation image's confusion matrix, int64 `[N,C,C]`.
    """
    draw_training(run, history, dls, result)
    draw_results(run, model, dls.scored, result, matrices)
    write_report([run], run.report)


def remove_figures(run: Run):
    "Remove what was drawn of a run: the report, the gallery's table, by which it is known, and the figures."
    for file in (run.report, Gallery(run.inside("gallery")).table_file, *_figure_files(run)):
        file.unlink(missing_ok=True)


def _figure_files(run: Run) -> list[Path]:
    "Others in that folder are the user's."
    return [file for name in FIGURES if (file := run.inside("figures") / f"{name}.png").is_file()]


def draw_training(run: Run, history: pd.DataFrame, dls: SegmentationDataLoaders, result: Result | None = None):
    """Write a run's curves and class frequencies to its figures.

    Args:
        run: the run folder.
        history: a row an epoch.
        dls: the batches that it was trained on.
        result: its validation scores, if it has some.
    """
    run.folder("figures")
    protocol = run.config.protocol
    caption = describe_protocol(result.protocol) if result else f"{protocol}, trained on {run.trained_on}"
    save_figure(run.figures / "curves.png", curves({run.path.name: history}, f"{run.path.name}: {caption}",
                                                   {run.path.name: run.config.compared_from}))
    frequencies = pd.DataFrame({"train": dls.class_frequencies}, index=dls.vocab)
    save_figure(run.figures / "frequencies.png",
                class_bars(frequencies, dls.palette, f"{protocol}: frequency among the training masks' pixels"))


def draw_results(run: Run, model: nn.Module, dl: SegmentationDL, result: Result, matrices: np.ndarray):
    """Write what a run got right and wrong: charts, three grids of images, the gallery.

    Args:
        run: the run folder.
        model: images `[B,3,H,W]` to logits `[B,C,H,W]`.
        dl: the batches of the split that was scored.
        result: the model's scores on them.
        matrices: each image's confusion matrix, int64 `[N,C,C]`.
    """
    protocol, rows = describe_protocol(result.protocol), worst(image_table(dl, matrices))
    bars = class_bars(result.scores.table()[["iou"]], dl.palette, f"IoU\n{protocol}", digits=1)
    save_figure(run.figures / "iou.png", bars)
    save_figure(run.figures / "confusion.png", confusion_chart(result.scores.confusion, dl.vocab, protocol))
    middle = max(0, (len(rows) - GRID) // 2)
    for name, part in {"worst": rows[:GRID], "median": rows[middle:middle + GRID], "best": rows[-GRID:][::-1]}.items():
        grid = results_grid(model, dl, list(part.index), titles(part))
        grid.suptitle(plain(protocol), fontsize=9)
        save_figure(run.figures / f"{name}-{result.protocol['split']}.png", grid)
    gallery = Gallery(run.folder("gallery"))
    gallery.begin()
    for row, each in enumerate(predict_samples(model, dl, list(rows.index[:SHOWN]))):
        gallery.write(row, displayed(each.image.transpose(1, 2, 0)), each.truth, each.prediction, dl.palette)
    gallery.write_table(rows)
