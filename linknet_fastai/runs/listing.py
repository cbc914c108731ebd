"The runs in a folder, as rows of a table."

import math
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .reading import read_json, validate
from .run import Run
from .tables import Score


def list_runs(folder: Path) -> tuple[list[tuple[str, ...]], list[UserError]]:
    """The runs in `folder`, a row each, the best of each protocol first, and the errors of those that can't be read.

    A row has, as text, the run's name, dataset, protocol, recipe, epochs done of those asked for, minutes, and mIoU in
    %: that of its scores, or of the best epoch so far. `UserError` where the folder holds no run.
    """
    rows, unreadable = [], []
    for config in sorted(folder.glob("*/config.json")):
        try: rows.append(_row(Run.open(config.parent)))
        except UserError as error: unreadable.append(error)
    if not rows and not unreadable: raise UserError(f"{folder}: holds no runs; pass the folder that they are in.")
    return [row for _, row in sorted(rows)], unreadable


def _row(run: Run) -> tuple[tuple, tuple[str, ...]]:
    "What the run is sorted by, and its row."
    config, recipe, history = run.config, run.recipe, run.history
    miou, epochs = _miou(run), recipe.total_epochs
    return ((config.protocol, -miou if miou == miou else 1),
            (run.path.name, config.dataset, config.protocol, recipe.name, f"{len(history)}/{epochs}",
             f"{run.seconds / 60:.1f}", "-" if miou != miou else f"{100 * miou:.1f}"))


@dataclass(frozen=True)
class _Scores:
    "Of `scores.json`: the scores over all classes."

    scores: dict[str, Score | None]

    def __post_init__(self):
        if "miou" not in self.scores: raise ValueError("miou is missing")


def _miou(run: Run) -> float:
    "Of its scores, or of the best epoch on the data that it has now; nan where there is none."
    if not run.is_scored: return run.history.miou[run.config.compared_from:].max()
    path = run.path / "scores.json"
    miou = validate(_Scores, read_json(path), path).scores["miou"]
    return math.nan if miou is None else miou
