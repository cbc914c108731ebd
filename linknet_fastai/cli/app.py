"The commands: each a short function that calls a workflow and prints what it gives."

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UserError, counted, printable
from ..recipes import recipe_for
from .arguments import Compile, Data, DatasetName, Device, Log, Precision, RunFolder, open_dataset
from .console import console, tracked, watched
from .datasets import datasets_app
from .deploy import deploy_app
from .flags import RECIPE, batch_flags, dataset_flags, recipe_flags
from .flags import size as parse_size
from .look import look_app
from .printing import print_benchmark, print_comparison, print_exported_speed, print_fitted, print_plan, print_summary

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Train a LinkNet for semantic segmentation, look at its mistakes, and use it.")


@app.command()
@dataset_flags
@recipe_flags
def fit(dataset: DatasetName, data: Data = None,
        out: Annotated[Path | None, typer.Option(help="The new run's folder. [default: runs/DATASET-N]",
                                                 show_default=False)] = None,
        skip_bad: Annotated[bool, typer.Option(
            "--skip-bad", help="Train without unsound samples, and list them in the run.")] = False,
        splits: Annotated[str, typer.Option(
            help="`train`, or `train+val` for a final model, which has no validation score.")] = "train",
        log: Log = None, device: Device = None, precision: Precision = None, compile: Compile = False,
        recipe: RECIPE = "rapid", options=None, flags=None):
    "Check a dataset and train on it; keep the best epoch, its scores, images and report in a run folder."
    from ..runtime.device import Machine
    from ..workflows.fit import FitOptions
    from ..workflows.fit import fit as fit_dataset
    from .progress import TerminalProgress
    opened = open_dataset(dataset, data, options)
    chosen, machine = recipe_for(recipe, opened.defaults, **flags), Machine.choose(device, precision, compile)
    with TerminalProgress(console) as progress:
        watched = FitOptions(out, skip_bad, splits, log, progress_bar=progress, progress=tracked("checking"),
                             on_plan=print_plan)
        print_summary(opened, chosen, machine)
        run = fit_dataset(opened, chosen, machine, watched)
    print_fitted(run)


@app.command()
def resume(run: RunFolder, data: Data = None,
           data_changed: Annotated[bool, typer.Option(
               "--data-changed", help="Go on with other files or splits than before.")] = False,
           epochs: Annotated[int | None, typer.Option(help="More passes in all, where the schedule isn't one-cycle.",
                                                      show_default=False)] = None,
           log: Log = None, device: Annotated[str | None, typer.Option(
               help="cpu, cuda or mps. [default: the run's]", show_default=False)] = None,
           precision: Annotated[str | None, typer.Option(
               help="bf16, fp16 or fp32. [default: the run's]", show_default=False)] = None, compile: Compile = False):
    "Go on with a run that was stopped, as if it never had been."
    from ..runs.run import Run
    from ..workflows.resume import ResumeOptions, machine_of
    from ..workflows.resume import resume as resume_run
    from .progress import TerminalProgress
    begun = Run.open(run)
    machine = machine_of(begun, device, precision, compile)
    console.print(f"resuming: {printable(str(run))}, after {counted(len(begun.history), 'epoch')}")
    with TerminalProgress(console) as progress:
        options = ResumeOptions(epochs, data, data_changed, log, progress_bar=progress, progress=tracked("checking"))
        resumed = resume_run(run, machine, options)
    print_fitted(resumed)


@app.command()
@dataset_flags
@batch_flags
def lr_find(dataset: DatasetName, data: Data = None,
            out: Annotated[Path, typer.Option(help="Folder for lr-find.png and lr-find.csv.")] = Path("lr-find"),
            device: Device = None, precision: Precision = None, recipe: RECIPE = "rapid", options=None, flags=None):
    "Try rising learning rates for 100 steps; draw the loss against them, and suggest some."
    from ..runtime.device import Machine
    from ..workflows.lr_find import lr_find as find_lr
    opened = open_dataset(dataset, data, options)
    chosen, machine = recipe_for(recipe, opened.defaults, **flags), Machine.choose(device, precision)
    print_summary(opened, chosen, machine)
    for name, lr in find_lr(opened, chosen, machine, out).items(): console.print(f"{name:8} {lr:.2e}")
    console.print(f"curve:   {out / 'lr-find.png'}, {out / 'lr-find.csv'}")


@app.command()
@dataset_flags
@batch_flags
def show_batch(dataset: DatasetName, data: Data = None,
               out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("batch.png"),
               recipe: RECIPE = "rapid", options=None, flags=None):
    "Draw a training batch as the model gets it: augmented, with its masks."
    from ..workflows.show_batch import show_batch as draw_batch
    opened = open_dataset(dataset, data, options)
    draw_batch(opened, recipe_for(recipe, opened.defaults, **flags), out)
    console.print(out)


@app.command()
def benchmark(run: Annotated[Path | None, typer.Argument(
                  metavar="[RUN]", show_default=False,
                  help="Measure this run's model and size, or an exported file. [default: rapid at 360x480]")] = None,
              device: Device = None, precision: Precision = None, compile: Compile = False):
    "Measure this machine: milliseconds an image in training and prediction, and how near that is to its peak."
    from ..deploy.exports.engines import is_exported, on_cpu
    if run is not None and is_exported(run):
        from ..workflows.exported_speed import measure_exported
        on_cpu(run, device)
        if compile: raise UserError(f"{run}: is compiled by the program that it is for; leave out `--compile`.")
        return print_exported_speed(measure_exported(run, precision))
    from ..runtime.device import Machine
    from ..workflows.speed import matrix_peak, measure, settings_of
    machine = Machine.choose(device, precision, compile)
    recipe, num_classes, channels = settings_of(run)
    speed = measure(recipe, num_classes, machine, channels)
    print_benchmark(speed, matrix_peak(machine), recipe, num_classes, machine)


@app.command()
def table1(data: Data = None,
           epochs: Annotated[int, typer.Option(help="Passes over the training images, for every row.")] = 20,
           size: Annotated[str, typer.Option(help="Height and width to train at.", parser=parse_size,
                                             metavar="HxW")] = "176x240",
           only: Annotated[list[str] | None, typer.Option(
               help="A row to train: segnet, enet, paper, modified or rapid. [default: all]",
               show_default=False)] = None,
           seeds: Annotated[int, typer.Option(help="Trainings of each row.")] = 1,
           weights: Annotated[str, typer.Option(
               help="LinkNet's start: `imagenet` (timm's hub), a file, or `none`.")] = "imagenet",
           vgg_weights: Annotated[str, typer.Option(help="SegNet's: weights of `vgg16_bn`.")] = "imagenet",
           split: Annotated[str, typer.Option(help="What is scored: `val`, or `test` where the data has it.")] = "val",
           out: Annotated[Path, typer.Option(help="Folder for the table, its plot and the runs.")] = Path("table1"),
           device: Device = None, precision: Precision = None):
    "Train SegNet, ENet and LinkNet three ways on CamVid, and put them side by side; what is there already is kept."
    from ..runtime.device import Machine
    from ..workflows.table1 import Table1Options
    from ..workflows.table1 import table1 as train_table
    from .progress import TerminalProgress
    changes = {"epochs": epochs, "size": size, "weights": weights}
    options = Table1Options(changes, tuple(only or ()), seeds, vgg_weights, split)
    camvid, machine = open_dataset("camvid", data), Machine.choose(device, precision)
    with TerminalProgress(console) as progress:
        table = train_table(camvid, out, machine, options, watched(progress))
    print_comparison(table)
    console.print(f"written: {out / 'table1.md'}, .csv, .html, .png; they say beside each row what was published for "
                  "it")


app.add_typer(look_app)
app.add_typer(deploy_app)
app.add_typer(datasets_app, name="datasets")
