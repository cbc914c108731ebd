"The command line: words in, calls of the rooms, tables out."

import time
import warnings
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from .errors import UserError
from .flags import RECIPE, recipe_flags
from .training.recipes import Recipe, recipe_for

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Train a LinkNet for semantic segmentation, look at its mistakes, and use it.")
console = Console(soft_wrap=True, highlight=False, markup=False)


def main():
    "What a user can cause ends in one sentence and exit code 2; anything else in a traceback."
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)  # timm's and fastai's to mend
    try: app()
    except UserError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"[red]error:[/] {escape(str(error))}")
        raise SystemExit(2) from None


DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="Its name: `linknet-fastai datasets` lists them.")]
Data = Annotated[Optional[Path], typer.Option(help="The data set's folder.", show_default=False)]
Protocol = Annotated[Optional[str], typer.Option(
    help="The classes to train, such as camvid11 or camvid32. [default: the data set's usual]", show_default=False)]
Images = Annotated[Optional[str], typer.Option(help="Of a `folder`: the name of the pictures' part. [default: images]",
                                                show_default=False)]
Masks = Annotated[Optional[str], typer.Option(help="Of a `folder`: the name of the masks' part. [default: masks]",
                                               show_default=False)]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `fit` wrote.")]
Split = Annotated[str, typer.Option(help="train, val or test.")]
Device = Annotated[Optional[str], typer.Option(help="cpu, cuda or mps. [default: the best there is]", show_default=False)]
Precision = Annotated[Optional[str], typer.Option(
    help="bf16, fp16 or fp32. [default: the fastest that the device has natively]", show_default=False)]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network first (torch.compile).")]


@app.command()
@recipe_flags
def fit(dataset: DatasetName, data: Data = None, protocol: Protocol = None, images: Images = None, masks: Masks = None,
        out: Annotated[Optional[Path], typer.Option(help="The new run's folder. [default: runs/DATASET-N]",
                                                    show_default=False)] = None,
        skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Train without unsound pairs, and list them in the run.")] = False,
        splits: Annotated[str, typer.Option(help="`train`, or `train+val` for a final network, which has no validation score.")
                          ] = "train",
        log: Annotated[Optional[str], typer.Option(help="Also log to `tensorboard` (in the run's folder) or `wandb`.",
                                                   show_default=False)] = None,
        device: Device = None, precision: Precision = None, compile: Compile = False, recipe: RECIPE = "rapid", flags=None):
    "Check a data set and train on it; keep the best epoch, its scores, pictures and report in a run folder."
    from .networks.precision import Machine
    from .training.fit import fit as fit_network
    from .training.progress import TerminalProgress
    dataset = _opened(dataset, data, protocol, images, masks)
    chosen = recipe_for(recipe, dataset.defaults, **flags)
    machine = Machine.choose(device, precision, compile)
    _announce(dataset, chosen, machine)
    with TerminalProgress(console) as progress:
        run = fit_network(dataset, chosen, machine, out, skip_bad, splits, (progress,), _tracked("checking"), log)
    if run.is_scored: _print_result(run.result())
    if run.skipped.is_file(): console.print(f"skipped:  {run.skipped} lists the pairs that were left out")
    console.print(f"run:      {run.path}\nlook:     {run.report if run.is_scored else run.figures}\n"
                  f"next:     linknet-fastai predict {run.path} PICTURE_OR_FOLDER")


@app.command()
@recipe_flags
def lr_find(dataset: DatasetName, data: Data = None, protocol: Protocol = None, images: Images = None, masks: Masks = None,
            out: Annotated[Path, typer.Option(help="Folder for lr-find.png and lr-find.csv.")] = Path("lr-find"),
            device: Device = None, precision: Precision = None, recipe: RECIPE = "rapid", flags=None):
    "Try rising learning rates for 100 steps; draw the loss against them, and suggest some."
    from .networks.precision import Machine
    from .training.rate_finder import find_rates
    dataset = _opened(dataset, data, protocol, images, masks)
    chosen = recipe_for(recipe, dataset.defaults, **flags)
    machine = Machine.choose(device, precision)
    _announce(dataset, chosen, machine)
    suggestions = find_rates(dataset, chosen, machine, out)
    for name, rate in suggestions.items(): console.print(f"{name:8} {rate:.2e}")
    console.print(f"curve:   {out / 'lr-find.png'}, {out / 'lr-find.csv'}")


@app.command()
@recipe_flags
def show_batch(dataset: DatasetName, data: Data = None, protocol: Protocol = None, images: Images = None, masks: Masks = None,
               out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("batch.png"),
               recipe: RECIPE = "rapid", flags=None):
    "Draw a training batch as the network gets it: augmented, with its masks."
    from .training.inspection import draw_batch
    dataset = _opened(dataset, data, protocol, images, masks)
    draw_batch(dataset, recipe_for(recipe, dataset.defaults, **flags), out)
    console.print(out)


@app.command()
def show_results(run: RunFolder, split: Split = "val", data: Data = None,
                 errors: Annotated[bool, typer.Option("--errors", help="Beside them, where the prediction is wrong.")] = False,
                 device: Device = None, precision: Precision = None):
    "Draw the pictures of a split that a run does worst on: image, truth, prediction."
    from .networks.precision import Machine
    from .training.illustration import draw_worst
    console.print(draw_worst(run, split, Machine.choose(device, precision), data, errors))


@app.command()
def evaluate(run: RunFolder, split: Split = "val", data: Data = None,
             tta: Annotated[Optional[str], typer.Option(help="`flip`: predict from each picture and its mirror image, in twice the "
                                                        "time.", show_default=False)] = None,
             boundary: Annotated[Optional[int], typer.Option(help="Also score the pixels within so many of another class.",
                                                             show_default=False)] = None,
             device: Device = None, precision: Precision = None):
    "Score a run on a split, at the masks' own resolution."
    from .networks.precision import Machine
    from .training.scoring import score_split
    _print_result(score_split(run, split, Machine.choose(device, precision), data, tta, boundary))
    console.print(f"written: {run / f'scores-{split}.json'}, {run / f'scores-{split}.csv'}")


@app.command()
def report(runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that `fit` wrote.")],
           out: Annotated[Optional[Path], typer.Option(
               help="The page to write. [default: RUN/report.html; of several, comparison.html]", show_default=False)] = None):
    "Write a run, or several side by side, as one page that needs nothing but itself."
    from .runs.report import write_report
    from .runs.run import Run
    out = out or (runs[0] / "report.html" if len(runs) == 1 else Path("comparison.html"))
    write_report([Run.open(path) for path in runs], out)
    console.print(out)


@app.command("runs")
def list_runs(folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the runs are.")] = Path("runs")):
    "List the runs in a folder, the best validation mIoU of each data set first."
    from .runs.listing import listed
    table = Table("run", "data set", "protocol", "recipe", "epochs", "minutes", "mIoU %", box=None)
    rows, unreadable = listed(folder)
    for row in rows: table.add_row(*row)
    console.print(table)
    for error in unreadable: console.print(f"left out: {error}")


@app.command()
def predict(run: RunFolder,
            paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pictures, or folders of pictures.")],
            out: Annotated[Optional[Path], typer.Option(help="Folder for the masks. [default: RUN/predictions]",
                                                        show_default=False)] = None,
            style: Annotated[str, typer.Option("--format", help="masks: class indices in colour, and overlays; cityscapes: the "
                                               "ids and names that the benchmark's server takes.")] = "masks",
            device: Device = None, precision: Precision = None):
    "Segment pictures of any size: for each a mask of class indices in colour, and an overlay."
    from .deploy.predictor import Predictor, predict_files
    from .networks.precision import Machine
    predictor = Predictor(run, Machine.choose(device, precision))
    out = out or run / "predictions"
    written = predict_files(predictor, paths, out, style, _tracked("predicting"))
    console.print(f"{len(written)} masks in {out}")


@app.command()
def benchmark(run: Annotated[Optional[Path], typer.Argument(metavar="[RUN]", help="Measure this run's network and size. "
                                                            "[default: the rapid recipe at 360x480]", show_default=False)] = None,
              device: Device = None, precision: Precision = None, compile: Compile = False):
    "Measure this machine: milliseconds a picture in training and prediction, and how near that is to its peak."
    from .networks.build import in_words
    from .networks.precision import Machine
    from .training.speed import measure, settings_of
    machine = Machine.choose(device, precision, compile)
    recipe, classes = settings_of(run)
    network = in_words(recipe.network, recipe.encoder, "none", recipe.upsample)
    speed = measure(recipe, classes, machine)
    height, width = speed.size
    console.print(f"machine:    {machine}\n"
                  f"network:    {network}, {classes} classes: {speed.cost}\n"
                  f"training:   {speed.training:.0f} ms a picture at {height}x{width} in batches of {speed.batch_size}, "
                  f"{100 * speed.share:.0f} % of the matrix product's {speed.peak / 1e9:.0f} GFLOP/s\n"
                  f"prediction: {speed.inference:.0f} ms a picture, one at a time")


@app.command()
def table1(data: Data = None, epochs: Annotated[int, typer.Option(help="Passes over the training pictures, for every row.")] = 20,
           size: Annotated[str, typer.Option(help="Height and width to train at.")] = "176x240",
           only: Annotated[Optional[list[str]], typer.Option(help="A row to train: segnet, enet, paper, modified or rapid. [default: "
                                                             "all]", show_default=False)] = None,
           seeds: Annotated[int, typer.Option(help="Trainings of each row.")] = 1,
           weights: Annotated[str, typer.Option(help="LinkNet's start: `imagenet` (timm's hub), a file, or `none`.")] = "imagenet",
           vgg_weights: Annotated[str, typer.Option(help="SegNet's: weights of `vgg16_bn`.")] = "imagenet",
           out: Annotated[Path, typer.Option(help="Folder for the table, its plot and the runs.")] = Path("table1"),
           device: Device = None, precision: Precision = None):
    "Train SegNet, ENet and LinkNet three ways on CamVid, and put them side by side; what is there already is kept."
    from .flags import size as parsed
    from .networks.precision import Machine
    from .runs.table1 import readable
    from .training.progress import TerminalProgress
    from .training.table1 import table1 as trained_table
    changes = {"epochs": epochs, "size": parsed(size), "weights": weights}
    with TerminalProgress(console) as progress:
        table = trained_table(_opened("camvid", data, None, None, None), out, Machine.choose(device, precision), changes,
                              tuple(only or ()), seeds, vgg_weights, _watched(progress))
    shown = readable(table).drop(columns=["published", "encoder's start"])  # those are long: the files have them
    printed = Table(box=None)
    for column in shown: printed.add_column(column, no_wrap=column == "network", justify="left" if column == "network" else "right")
    for row in shown.itertuples(index=False): printed.add_row(*row)
    console.print(printed)
    console.print(f"written: {out / 'table1.md'}, .csv, .html, .png; they say beside each row what was published for it")


def _watched(progress):
    "A line before each of several trainings, with the time left by the arithmetic that is left."
    started, first = time.monotonic(), []
    def watch(run: str, left: float) -> tuple:
        first.append(left)
        done = first[0] - left
        time_left = f", about {(time.monotonic() - started) * left / done / 60:.0f} min left" if done else ""
        console.print(f"{run}: {100 * (1 - left):.0f} % of the table is done{time_left}")
        return (progress,)
    return watch


datasets_app = typer.Typer(invoke_without_command=True)
app.add_typer(datasets_app, name="datasets")


@datasets_app.callback()
def datasets(context: typer.Context):
    "List the data sets; `datasets check NAME` checks one."
    if context.invoked_subcommand is not None: return
    from .datasets import DATASETS
    table = Table("name", "what it is", box=None)
    for name, opener in DATASETS.items(): table.add_row(name, opener.__doc__.splitlines()[0])
    console.print(table)


@datasets_app.command("check")
def check_dataset(dataset: DatasetName, data: Data = None, protocol: Protocol = None, images: Images = None, masks: Masks = None,
                  out: Annotated[Optional[Path], typer.Option(
                      help="Folder for classes.csv and classes.png. [default: DATASET-check]", show_default=False)] = None):
    "Read every pair of a data set; print sizes, class frequencies, weights, and each problem by file."
    from .datasets.check import check
    from .training.checking import write_check
    report = check(_opened(dataset, data, protocol, images, masks), _tracked("checking"))
    out = out or Path(f"{dataset}-check")
    _print_check(report, write_check(report, out))
    console.print(f"written: {out / 'classes.csv'}, {out / 'classes.png'}")
    if not report.problems.empty:
        raise UserError(f"{report.dataset.root}: is unsound in {len(report.problems)} of {len(report.dataset.table)} pairs, listed "
                        "above; mend them, or train without them by `fit --skip-bad`.")


def _opened(name: str, data: Path | None, protocol: str | None, images: str | None, masks: str | None):
    from .datasets import open_dataset
    return open_dataset(name, data, protocol, images, masks, _tracked("reading"))


def _tracked(what: str):
    "Long work with a bar on a terminal, a line elsewhere."
    def tracked(items, total: int):
        if not console.is_terminal: console.print(f"{what} {total} files")
        return track(items, what, total, console=console, transient=True, disable=not console.is_terminal)
    return tracked


def _announce(dataset, recipe: Recipe, machine):
    import torch

    from .networks.build import in_words
    from .networks.cost import PUBLISHED, cost_of
    from .training.learner import untrained
    with torch.device("meta"): cost = cost_of(untrained(recipe, len(dataset.classes)))
    counts = ", ".join(f"{(dataset.table.split == split).sum()} {split}" for split in dataset.splits)
    size = "the pictures' own size" if recipe.size is None else f"{recipe.size[0]}x{recipe.size[1]}"
    if dataset.note: console.print(f"note:     {dataset.note}")
    console.print(f"data:     {dataset.name} ({dataset.protocol}, {len(dataset.classes)} classes): {counts}\n"
                  f"network:  {in_words(recipe.network, recipe.encoder, recipe.weights, recipe.upsample)}\n"
                  f"          {cost} (published: {PUBLISHED[recipe.network]})\n"
                  f"training: {recipe.name}, {recipe.epochs} epochs at {size}, batch {recipe.batch_size}, rate {recipe.lr}, "
                  f"seed {recipe.seed}\n"
                  f"machine:  {machine}")


def _print_check(report, classes):
    splits = Table("split", *report.splits.columns, box=None)
    for name, row in report.splits.iterrows(): splits.add_row(name, *map(str, row[:-1]), f"{100 * row.void:.1f} %")
    console.print(splits)
    table = Table(box=None)
    table.add_column("class")
    for column in classes.columns: table.add_column(column, justify="right")
    for name, row in classes.iterrows():
        table.add_row(name, *(f"{value:.2f}" if column == "weight" else f"{100 * value:.2f} %" for column, value in row.items()))
    console.print(table)
    for note in report.notes: console.print(f"note: {note}")
    for row in report.problems.itertuples(): console.print(f"{row.split}: {row.problem}")


def _print_result(result):
    from .runs.result import described
    scores = result.scores
    table = Table(box=None, title=described(result.protocol), title_justify="left")
    table.add_column("class")
    for name in ("IoU", "accuracy", "Dice", "share"): table.add_column(name, justify="right")
    if result.boundary: table.add_column(f"IoU within {result.protocol['boundary']} pixels", justify="right")
    rows = result.table()
    for name, row in rows.iterrows():
        if name == rows.index[-1]: table.add_section()
        table.add_row(name, *("" if value != value else f"{100 * value:.1f}" for value in row))
    console.print(table)
    low, high = result.interval
    console.print(f"mIoU {100 * scores.miou:.1f}  class accuracy {100 * scores.class_accuracy:.1f}  "
                  f"Dice {100 * scores.dice:.1f}  pixel accuracy {100 * scores.pixel_accuracy:.1f}  (%)\n"
                  f"mIoU of 95 % of resampled pictures: {100 * low:.1f} to {100 * high:.1f}")
    if result.benchmark is not None:
        names = ("class IoU", "class iIoU", "category IoU", "category iIoU")
        means = [result.benchmark[name.lower().replace(" ", "_")] for name in names]
        shown = ["-" if mean is None or mean != mean else f"{100 * mean:.1f}" for mean in means]
        console.print("benchmark: " + "  ".join(map(" ".join, zip(names, shown))))
