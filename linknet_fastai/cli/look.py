"The commands that look at finished runs: scores, images, reports."

from pathlib import Path
from typing import Annotated

import typer

from .arguments import Data, Device, Overlap, Precision, RunFolder, RunOrFile, Split, Tile, Tta
from .console import console
from .printing import print_result, print_runs

look_app = typer.Typer()


@look_app.command()
def show_results(run: RunFolder, split: Split = "val", data: Data = None,
                 errors: Annotated[bool, typer.Option(
                     "--errors", help="Beside them, where the prediction is wrong.")] = False,
                 device: Device = None, precision: Precision = None):
    "Draw the images of a split that a run does worst on: image, truth, prediction."
    from ..runtime.device import Machine
    from ..workflows.show_results import show_results as draw_results
    _print_source(run, data)
    console.print(draw_results(run, split, Machine.choose(device, precision), data, errors))


@look_app.command()
def evaluate(run: RunOrFile, split: Split = "val", data: Data = None,
             tta: Tta = None,
             boundary: Annotated[int | None, typer.Option(
                 help="Also score the pixels within N pixels of another class.", show_default=False)] = None,
             tile: Tile = None, overlap: Overlap = None,
             device: Device = None, precision: Precision = None):
    "Score a run on a split, at the masks' own resolution."
    from ..deploy.exports.engines import is_exported, on_cpu
    from ..evaluation.scoring import ScoringOptions
    from ..images.tiling import TileOptions
    from ..runtime.device import Machine
    from ..workflows.evaluate import evaluate as evaluate_run
    from ..workflows.evaluate_exported import evaluate_exported, run_of
    options = ScoringOptions(tta, boundary, TileOptions(tile, overlap))
    folder, name = run, f"scores-{split}"
    if is_exported(run):
        on_cpu(run, device)
        folder = run_of(run)
        _print_source(folder, data)
        result, name = evaluate_exported(run, split, precision, data, options)
    else:
        _print_source(folder, data)
        result = evaluate_run(run, split, Machine.choose(device, precision), data, options)
    print_result(result)
    console.print(f"written: {folder / f'{name}.json'}, {folder / f'{name}.csv'}")


def _print_source(run: Path, data: Path | None):
    "Print which folder a run's data are read from."
    from ..runs.run import Run
    from ..workflows.run_data import data_folder
    opened = Run.open(run)
    console.print(f"reading:  {data_folder(opened, data) or f'{opened.config.dataset}, as this program fetches it'}")


@look_app.command()
def report(runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that `fit` wrote.")],
           data: Data = None,
           out: Annotated[Path | None, typer.Option(
               help="The page to write. [default: RUN/report.html; of several, comparison.html]",
               show_default=False)] = None):
    "Write a run, or several side by side, as one page that needs nothing but itself."
    from ..workflows.report import report as write_report
    out = out or (runs[0] / "report.html" if len(runs) == 1 else Path("comparison.html"))
    write_report(runs, out, data)
    console.print(out)


@look_app.command("runs")
def runs_in(folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the runs are.")] = Path("runs")):
    "List the runs in a folder, the best validation mIoU of each protocol first."
    from ..runs.listing import list_runs
    print_runs(*list_runs(folder))
