"What the command line shows: lines, tables, bars."

import os
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import track
from rich.table import Table

from .training.recipes import Recipe

# of several processes one speaks
console = Console(soft_wrap=True, highlight=False, markup=False, quiet=os.environ.get("RANK", "0") != "0")


def tracked(what: str) -> Callable:
    "Long work with a bar on a terminal, a line elsewhere."
    def tracked(items, total: int):
        if not console.is_terminal: console.print(f"{what} {total} files")
        return track(items, what, total, console=console, transient=True, disable=not console.is_terminal)
    return tracked


def watched(progress):
    "A line before each of several trainings, with the time left by the arithmetic that is left."
    started, first = time.monotonic(), []
    def watch(run: str, left: float) -> tuple:
        first.append(left)
        done = first[0] - left
        time_left = f", about {(time.monotonic() - started) * left / done / 60:.0f} min left" if done else ""
        console.print(f"{run}: {100 * (1 - left):.0f} % of the table is done{time_left}")
        return (progress,)
    return watch


def announce(dataset, recipe: Recipe, machine):
    import torch

    from .networks.build import in_words
    from .networks.cost import PUBLISHED, cost_of
    from .training.learner import untrained
    from .training.processes import processes
    with torch.device("meta"): cost = cost_of(untrained(recipe, len(dataset.classes)))
    counts = ", ".join(f"{(dataset.table.split == split).sum()} {split}" for split in dataset.splits)
    number = processes()
    parts = f", {number} processes, {recipe.batch_size / number:g} pictures of each batch in each" if number > 1 else ""
    size = "the pictures' own size" if recipe.size is None else f"{recipe.size[0]}x{recipe.size[1]}"
    if dataset.note: console.print(f"note:     {dataset.note}")
    console.print(f"data:     {dataset.name} ({dataset.protocol}, {len(dataset.classes)} classes): {counts}\n"
                  f"network:  {in_words(recipe.network, recipe.encoder, recipe.weights, recipe.upsample)}\n"
                  f"          {cost} (published: {PUBLISHED[recipe.network]})\n"
                  f"training: {recipe.name}, {recipe.epochs} epochs at {size}, batch {recipe.batch_size}, rate {recipe.lr}, "
                  f"seed {recipe.seed}\n"
                  f"machine:  {machine}{parts}")


def print_check(report, classes):
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


def print_result(result):
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


def print_table(shown):
    "A frame of text, its first column the names of its rows."
    printed = Table(box=None)
    printed.add_column(shown.columns[0], no_wrap=True)
    for column in shown.columns[1:]: printed.add_column(column, justify="right")
    for row in shown.itertuples(index=False): printed.add_row(*row)
    console.print(printed)
