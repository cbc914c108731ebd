"The runs in a folder, as rows of a table."

from pathlib import Path

from ..errors import UserError
from .run import Run


def listed(folder: Path) -> list[tuple[str, ...]]:
    """Run, data set, protocol, recipe, epochs done of those asked, minutes, best mIoU in %; the best of each protocol first.

    `UserError` where the folder holds no run, or one that can't be read.
    """
    runs = [Run.open(config.parent) for config in sorted(folder.glob("*/config.json"))]
    if not runs: raise UserError(f"{folder}: holds no runs; pass the folder that they are in.")
    rows = []
    for run in runs:
        config, history = run.config, run.history
        miou = history.miou.max()
        rows.append(((config["protocol"], -miou if miou == miou else 1),
                     (run.path.name, config["dataset"], config["protocol"], config["recipe"]["name"],
                      f"{len(history)}/{config['recipe']['epochs']}", f"{run.seconds / 60:.1f}",
                      "-" if miou != miou else f"{100 * miou:.1f}")))
    return [row for _, row in sorted(rows)]
