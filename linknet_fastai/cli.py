"The command line: words in, calls of the rooms, tables out."

import warnings
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .errors import Interrupted, Note, UserError
from .flags import RECIPE, recipe_flags
from .printing import announce, console, print_check, print_result, print_table, tracked, watched
from .training.recipes import recipe_for

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Train a LinkNet for semantic segmentation, look at its mistakes, and use it.")


def main():
    "What a user can cause ends in one sentence and exit code 2; anything else in a traceback."
    for start in ("`torch.jit.script` is deprecated", "`broadcast_buffers` is deprecated"):  # timm's and accelerate's to mend
        warnings.filterwarnings("ignore", start, FutureWarning)
    warnings.filterwarnings("always", category=Note)
    warnings.showwarning = _shown(warnings.showwarning)
    try: app()
    except Interrupted as stop:
        console.print(f"stopped:  all is saved; go on with\n          linknet-fastai fit --resume {stop.run}")
        raise SystemExit(128 + stop.signal) from None
    except UserError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"[red]error:[/] {escape(str(error))}")
        raise SystemExit(2) from None


def _shown(otherwise):
    "Notes as lines of the program's own; other warnings as Python shows them."
    def show(message, category, *where, **more):
        if category is Note: Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"note:     {message}")
        else: otherwise(message, category, *where, **more)
    return show


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
def fit(dataset: Annotated[Optional[str], typer.Argument(metavar="DATASET", show_default=False,
                                                         help="Its name: `linknet-fastai datasets` lists them.")] = None,
        data: Data = None, protocol: Protocol = None, images: Images = None, masks: Masks = None,
        out: Annotated[Optional[Path], typer.Option(help="The new run's folder. [default: runs/DATASET-N]",
                                                    show_default=False)] = None,
        skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Train without unsound pairs, and list them in the run.")] = False,
        splits: Annotated[str, typer.Option(help="`train`, or `train+val` for a final network, which has no validation score.")
                          ] = "train",
        resume: Annotated[Optional[Path], typer.Option(metavar="RUN", help="Go on with a run that was stopped, in place of a new "
                                                       "one.", show_default=False)] = None,
        log: Annotated[Optional[str], typer.Option(help="Also log to `tensorboard` (in the run's folder) or `wandb`.",
                                                   show_default=False)] = None,
        device: Device = None, precision: Precision = None, compile: Compile = False, recipe: RECIPE = "rapid", flags=None):
    "Check a data set and train on it; keep the best epoch, its scores, pictures and report in a run folder."
    from .networks.precision import Machine
    from .runs.run import Run
    from .training.fit import fit as fit_network
    from .training.fit import resume as resume_run
    from .training.progress import TerminalProgress
    if resume is not None:
        epochs = flags.pop("epochs", None)
        if flags or (dataset, protocol, images, masks, out, skip_bad, splits, recipe) != (None,) * 5 + (False, "train", "rapid"):
            raise UserError(f"{resume}: a run goes on as it began; beside `--resume` give only `--epochs`, `--data`, `--device`, "
                            "`--precision`, `--compile` or `--log`.")
        machine = Machine.choose(device, precision, compile) if device or precision or compile else None
        console.print(f"resuming: {resume}, after {len(Run.open(resume).history)} epochs")
        with TerminalProgress(console) as progress:
            run = resume_run(resume, epochs, data, machine, (progress,), tracked("checking"), log)
    else:
        if dataset is None: raise typer.BadParameter("name a data set, or a run to go on with by `--resume`.", param_hint="DATASET")
        opened = _opened(dataset, data, protocol, images, masks)
        chosen, machine = recipe_for(recipe, opened.defaults, **flags), Machine.choose(device, precision, compile)
        announce(opened, chosen, machine)
        with TerminalProgress(console) as progress:
            run = fit_network(opened, chosen, machine, out, skip_bad, splits, (progress,), tracked("checking"), log)
    if run.is_scored: print_result(run.result())
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
    announce(dataset, chosen, machine)
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
    print_result(score_split(run, split, Machine.choose(device, precision), data, tta, boundary))
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
    written = predict_files(predictor, paths, out, style, tracked("predicting"))
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
                              tuple(only or ()), seeds, vgg_weights, watched(progress))
    shown = readable(table).drop(columns=["network", "published", "encoder's start"])  # those are long: the files have them
    print_table(shown.set_axis(table.row).T.reset_index(names=""))
    console.print(f"written: {out / 'table1.md'}, .csv, .html, .png; they say beside each row what was published for it")


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
    report = check(_opened(dataset, data, protocol, images, masks), tracked("checking"))
    out = out or Path(f"{dataset}-check")
    print_check(report, write_check(report, out))
    console.print(f"written: {out / 'classes.csv'}, {out / 'classes.png'}")
    if not report.problems.empty:
        raise UserError(f"{report.dataset.root}: is unsound in {len(report.problems)} of {len(report.dataset.table)} pairs, listed "
                        "above; mend them, or train without them by `fit --skip-bad`.")


def _opened(name: str, data: Path | None, protocol: str | None, images: str | None, masks: str | None):
    from .datasets import open_dataset
    return open_dataset(name, data, protocol, images, masks, tracked("reading"))
