"The images that a run does worst on, drawn."

from pathlib import Path

from ..evaluation.result import describe_protocol
from ..evaluation.scoring import score
from ..images.grid import plain
from ..reports.charts import save_figure
from ..reports.results import image_table, results_grid, titles, worst
from ..runtime.device import Machine
from .open_run import open_run

SHOWN = 6  # images


def show_results(path: str | Path, split: str, machine: Machine, data: Path | None = None,
                 errors: bool = False) -> Path:
    """Draw the images of a split that the run at `path` does worst on; the PNG file.

    Args:
        path: the run's folder.
        split: `train`, `val`, `test`, or `all`.
        machine: what to predict on.
        data: the dataset's folder; where it was in training if not given.
        errors: draw where the prediction is wrong, too.
    """
    opened = open_run(path, split, machine, data)
    result, matrices = score(opened.model, opened.dl, opened.dataset, opened.protocol)
    rows = worst(image_table(opened.dl, matrices))[:SHOWN]
    figure = results_grid(opened.model, opened.dl, list(rows.index), titles(rows), errors)
    figure.suptitle(plain(describe_protocol(result.protocol)), fontsize=9)
    return save_figure(opened.run.folder("figures") / f"worst-{split}.png", figure)
