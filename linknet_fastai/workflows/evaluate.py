"A run's scores on a split of its data."

from pathlib import Path

from ..errors import UserError
from ..evaluation.result import Result, write_result
from ..evaluation.scoring import ScoringOptions, score
from ..files import digest
from ..runs.run import Run
from ..runtime.device import Machine
from .open_run import open_run


def evaluate(path: str | Path, split: str = "val", machine: Machine | None = None, data: Path | None = None,
             options: ScoringOptions = ScoringOptions()) -> Result:
    """Score the run at `path` on a split of its dataset, and write the scores to its folder as `scores-SPLIT`.

    Args:
        path: the run's folder.
        split: `train`, `val`, `test`, or `all`.
        machine: what to predict on; the best there is if not given.
        data: the dataset's folder; where it was in training if not given.
        options: more to score, and how to predict.

    Raises `UserError` for a run or data that can't be read, or don't belong together, and where a training gives the
    run other weights meanwhile.
    """
    weights = Run.open(path).model_file
    before = digest(weights)
    opened = open_run(path, split, machine or Machine.choose(), data, options.tiles)
    result, _ = score(opened.model, opened.dl, opened.dataset, opened.protocol, options)
    if digest(weights) != before:
        raise UserError(f"{weights}: was replaced while the weights before were scored, whose scores aren't written; "
                        "wait for the training in this folder, and evaluate again.")
    write_result(opened.run, f"scores-{split}", result)
    return result
