"A run, or an exported file, to predict with."

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..deploy.exported_predictor import ExportedPredictor
from ..deploy.exports.engines import is_exported, on_cpu
from ..deploy.predictor_options import PredictorOptions
from ..files import refuse_link
from ..runs.hub import is_on_hub, local_run

if TYPE_CHECKING:
    from ..deploy.predictor import Predictor


def predictions_folder(path: Path) -> Path:
    """Where predictions lie if nothing else is said: in the run, beside the exported file; of a run on the hub, here.

    `UserError` for a link.
    """
    if is_on_hub(path): return Path("predictions")
    folder = (path.parent if is_exported(path) else path) / "predictions"
    refuse_link(folder)
    return folder


def open_predictor(path: Path, device: str | None = None, precision: str | None = None,
                   options: PredictorOptions = PredictorOptions()) -> Predictor | ExportedPredictor:
    """The best model of the run at `path`, which may be `hf:USER/NAME`, or the exported file there.

    `device` and `precision` are those of `Machine.choose`. `UserError` where they can't be had, or the path can't be
    read.
    """
    if is_exported(path):
        on_cpu(path, device)
        return ExportedPredictor(path, precision, options)
    # here, since exported files need no torch
    from ..deploy.predictor import Predictor
    from ..runs.run import Run
    from ..runtime.device import Machine
    return Predictor(Run.open(local_run(path)).path, Machine.choose(device, precision), options)
