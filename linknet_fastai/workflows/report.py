"A page about one run or several, and what it shows of a run that couldn't be drawn when it was trained."

from pathlib import Path

from ..dataloaders.dataloaders import SegmentationDataLoaders
from ..datasets.fingerprint import describe_changes, fingerprint
from ..errors import UserError
from ..evaluation.result import read_result
from ..evaluation.scoring import score
from ..files import writable_folder
from ..reports.gallery import Gallery
from ..reports.report import write_report
from ..reports.run_figures import draw_run
from ..runs.run import Run
from ..runtime.device import Machine
from .open_run import open_run


def report(paths: list[Path], out: Path, data: Path | None = None):
    """Write one page about the runs at `paths` to the file `out`; a run that has no gallery yet is drawn first.

    `data` is the folder of the dataset, for that; where it was in training if not given. `UserError` for runs that
    can't be read, aren't scored, or have other classes than the first, for `data` where nothing is drawn, and for data
    that aren't those of the scores any more.
    """
    runs = [Run.open(path) for path in paths]
    undrawn = [run for run in runs if not Gallery(run.gallery).table_file.exists()]
    if data is not None and not undrawn:
        raise UserError(f"{data}: isn't read, since all images that are shown lie in the runs; leave out `--data`.")
    writable_folder(out.parent)
    for run in undrawn:
        if run.is_scored: _draw(run, data)
    write_report(runs, out)


def _draw(run: Run, data: Path | None):
    for name in ("figures", "gallery"): run.folder(name)  # before the work, not after
    machine = Machine.choose()
    opened = open_run(run.path, "val", machine, data)
    if changes := describe_changes(run.samples, fingerprint(opened.dataset)):
        raise UserError(f"{opened.dataset.root}: isn't what {run.path} was trained and scored on: {changes}; pass the "
                        "data as it was with `--data`.")
    _, matrices = score(opened.model, opened.dl, opened.dataset, opened.protocol)
    dls = SegmentationDataLoaders.from_dataset(opened.dataset, run.recipe, machine.device)
    draw_run(run, run.history, opened.model, dls, read_result(run), matrices)
