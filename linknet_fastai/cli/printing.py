"What the command line shows of what was done: lines and tables."

import time

from rich.markup import escape
from rich.table import Table

from ..errors import as_word, counted, hxw, printable
from ..recipes import Recipe
from .console import console, error_console

LONG = 30  # minutes of training


def print_summary(dataset, recipe: Recipe, machine):
    "Print what is going to be trained: dataset, model with its cost, settings, machine."
    import torch

    from ..models.cost import PUBLISHED, cost_of
    from ..models.factory import describe_model, untrained_model
    from ..runtime.distributed import world_size
    with torch.device("meta"):
        cost = cost_of(untrained_model(recipe, len(dataset.classes), dataset.channels), in_channels=dataset.channels)
    counts = ", ".join(f"{(dataset.table.split == split).sum()} {split}" for split in dataset.splits)
    number = world_size()
    parts = f", {number} processes, {recipe.batch_size / number:g} images of each batch in each" if number > 1 else ""
    size = hxw(recipe.input_size) if recipe.input_size else "the images' own size"
    if recipe.crop: size = f"crops of {size}"
    if recipe.test_scale != 1: size += f" and predicted at {recipe.test_scale:g} times that"
    epochs = counted(recipe.epochs, "epoch")
    if recipe.minutes is not None: epochs = f"as many epochs as fit {recipe.minutes:g} min,"
    if dataset.note: console.print(f"note:     {dataset.note}")
    split = f", by {dataset.split_source}" if dataset.split_source else ""
    console.print(f"data:     {dataset.name} ({dataset.protocol}, {len(dataset.classes)} classes): {counts}{split}\n"
                  f"model:    {describe_model(recipe)}\n"
                  f"          {cost} (published: {PUBLISHED[recipe.model]})\n"
                  f"training: {recipe.name}, {epochs} at {size}, batch {recipe.batch_size}, "
                  f"lr {recipe.lr}, seed {recipe.seed}\n"
                  f"machine:  {machine}{parts}")


def print_plan(plan):
    "Print how long a training will take, and what would take less, where that is long."
    recipe, minutes = plan.recipe, plan.seconds / 60
    size = hxw(recipe.input_size)
    end = time.strftime("%H:%M", time.localtime(time.time() + plan.seconds - plan.spent))
    console.print(f"time:     about {minutes:.1f} min, until {end}: {counted(recipe.total_epochs, 'epoch')} of "
                  f"{plan.pace.epoch:.0f} s at {size}, and {plan.spent + plan.pace.beside:.0f} s before and after")
    if recipe.minutes is None and minutes > LONG:
        console.print(f"          if that is too long: `--minutes {LONG}` trains as much as fits")


def print_fitted(run):
    "Print a finished run: its scores, where it is, and what to do with it."
    from ..evaluation.result import read_result
    if run.is_scored: print_result(read_result(run))
    if run.skipped.is_file(): console.print(f"skipped:  {run.skipped} lists the samples that were left out")
    look = run.report if run.report.is_file() else run.figures
    console.print(f"run:      {printable(str(run.path))}\nlook:     {printable(str(look))}\n"
                  f"next:     linknet-fastai predict {as_word(run.path)} IMAGE_OR_FOLDER")


def print_check(result, classes):
    "Print what a check found, and `classes`, a row a class."
    splits = Table("split", *result.splits.columns, box=None)
    for name, row in result.splits.iterrows(): splits.add_row(name, *map(str, row[:-1]), f"{100 * row.void:.1f} %")
    console.print_table(splits)
    table = Table(box=None)
    table.add_column("class")
    for column in classes.columns: table.add_column(column, justify="right")
    for name, row in classes.iterrows():
        table.add_row(name, *(f"{value:.2f}" if column == "weight" else f"{100 * value:.2f} %"
                              for column, value in row.items()))
    console.print_table(table)
    for note in result.notes: console.print(f"note: {note}")
    for row in result.problems.itertuples(): console.print(f"{row.split}: {row.problem}")


def print_result(result):
    "Print scores by class and over all, under their protocol."
    from ..evaluation.result import describe_protocol
    scores = result.scores
    console.print(describe_protocol(result.protocol))
    table = Table(box=None)
    table.add_column("class")
    for name in ("IoU", "accuracy", "Dice", "frequency"): table.add_column(name, justify="right")
    if result.boundary: table.add_column(f"IoU within {result.protocol['boundary']} pixels", justify="right")
    rows = result.table()
    for number, (name, row) in enumerate(rows.iterrows()):
        if number == len(scores.classes): table.add_section()  # the mean
        table.add_row(name, *("" if value != value else f"{100 * value:.1f}" for value in row))
    console.print_table(table)
    low, high = result.interval
    console.print(f"mIoU {100 * scores.miou:.1f}  class accuracy {100 * scores.class_accuracy:.1f}  "
                  f"Dice {100 * scores.dice:.1f}  pixel accuracy {100 * scores.pixel_accuracy:.1f}  (%)")
    if low == low:
        console.print(f"95 % interval of the mIoU, over resampled images: {100 * low:.1f} to {100 * high:.1f}")
    if result.cityscapes is not None:
        names = ("class IoU", "class iIoU", "category IoU", "category iIoU")
        means = [result.cityscapes[name.lower().replace(" ", "_")] for name in names]
        shown = ["-" if mean is None or mean != mean else f"{100 * mean:.1f}" for mean in means]
        console.print("benchmark: " + "  ".join(map(" ".join, zip(names, shown))))


def print_benchmark(speed, peak: float, recipe: Recipe, num_classes: int, machine):
    "Print how fast the machine, of `peak` FLOP/s, trains and predicts with the recipe's model of `num_classes`."
    from dataclasses import replace

    from ..models.factory import describe_model
    (height, width), (test_height, test_width) = speed.size, speed.test_size
    model = describe_model(replace(recipe, weights="none"))
    console.print(f"machine:    {machine}\n"
                  f"model:      {model}, {num_classes} classes: {speed.cost}\n"
                  f"training:   {speed.training:.0f} ms an image at {height}x{width} in batches of {speed.batch_size}, "
                  f"{100 * speed.utilization(peak):.0f} % of the matrix product's {peak / 1e9:.0f} GFLOP/s\n"
                  f"prediction: {speed.prediction:.0f} ms an image at {test_height}x{test_width}, one at a time")


def print_exported(exported):
    "Print an exported file and what was compared beside torch, a row each, then where it differs too much."
    found = exported.comparison
    height, width = found.size
    table = Table("", "mIoU %", "other pixels %", "ms", "MB", box=None, title_justify="left",
                  title=f"{found.images} images; ms an image of {height}x{width}: medians in turn, {found.threads} "
                  "threads")
    for column in table.columns[1:]: column.justify = "right"
    for row in found.rows:
        table.add_row(row.name, "-" if row.miou is None else f"{100 * row.miou:.2f}",
                      "" if row.different is None else f"{100 * row.different:.3f}", f"{row.milliseconds:.1f}",
                      f"{row.megabytes:.1f}")
    console.print(table)
    for problem in found.problems: error_console().print(f"[red]differs:[/] {escape(problem)}")
    console.print(f"written: {exported.file}")


def print_exported_speed(speed):
    "Print how fast an exported file predicts."
    height, width = speed.size
    console.print(f"machine:    cpu, {speed.threads} threads, {speed.engine}, {speed.precision}\n"
                  f"prediction: {speed.milliseconds:.1f} ms an image at {height}x{width}, one at a time")


def print_runs(rows: list[tuple[str, ...]], unreadable: list):
    "Print a line a run, and the errors of those that can't be read."
    table = Table("run", "dataset", "protocol", "recipe", "epochs", "minutes", "mIoU %", box=None)
    for row in rows: table.add_row(*row)
    console.print_table(table)
    for error in unreadable: console.print(f"left out: {error}")


def print_datasets():
    "Print a line a dataset."
    from ..datasets import DATASETS
    table = Table("name", "what it is", box=None)
    for name, opener in DATASETS.items(): table.add_row(name, opener.__doc__.splitlines()[0])
    console.print_table(table)


def print_comparison(table):
    "Print Table 1 upright: a column a model, without the texts that are too long for it."
    from ..reports.comparison import readable
    short = readable(table).drop(columns=["model", "published", "encoder's start"])
    shown = short.set_axis(table.row).T.reset_index(names="")
    printed = Table(box=None)
    printed.add_column(shown.columns[0], no_wrap=True)
    for column in shown.columns[1:]: printed.add_column(column, justify="right")
    for row in shown.itertuples(index=False): printed.add_row(*row)
    console.print_table(printed)
