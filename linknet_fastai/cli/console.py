"Where the command line shows things, and how far long work is."

import json
import os
import time
from collections.abc import Callable

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track

from ..errors import counted
from .output import SafeConsole

SECONDS_BETWEEN_LINES, TICK = 10, 1e-3

# of several processes one speaks
console = SafeConsole(soft_wrap=True, highlight=False, markup=False, emoji=False,
                      quiet=os.environ.get("RANK", "0") != "0")


def error_console() -> SafeConsole:
    "A console on what is standard error now: tests replace it."
    return SafeConsole(stderr=True, soft_wrap=True, highlight=False, emoji=False)


def tracked(what: str, unit: str = "file") -> Callable:
    "A `Progress` that calls its work `what`: a bar on a terminal, one line with how many of `unit` elsewhere."
    def tracked(items, total: int):
        if not console.is_terminal: console.print(f"{what} {counted(total, unit)}")
        return track(items, what, total, console=console, transient=True, disable=not console.is_terminal)
    return tracked


def rated(what: str, unit: str, to: SafeConsole = console) -> Callable:
    """A `Progress` that calls its work `what`: a bar on a terminal, else a line now and then, and one at the end.

    All say how many of `unit`, one of them by its noun, and how many a second; of how many, where the total isn't 0.
    """
    def rated(items, total: int):
        started = said = time.monotonic()
        done, shown = 0, ""
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[shown]}"),
                   TextColumn("left"), TimeRemainingColumn())
        with Progress(*columns, console=to, transient=True, disable=not to.is_terminal) as bar:
            task = bar.add_task(what, total=total or None, shown="")
            for done, item in enumerate(items, 1):
                yield item
                now = time.monotonic()
                is_known = total >= done  # films' own numbers are estimates
                number = f"{done} of {counted(total, unit)}" if is_known else counted(done, unit)
                shown = f"{number}, {done / max(now - started, TICK):.1f} a second"
                bar.update(task, completed=done, shown=shown)
                if not to.is_terminal and now - said > SECONDS_BETWEEN_LINES:
                    said = now
                    to.print(f"{what}: {shown}")
        if done: to.print(f"{what}: {counted(done, unit)}, {done / max(time.monotonic() - started, TICK):.1f} a second")
    return rated


def watched(progress):
    """What `table1` takes as `watch`: it prints a line before each training, and returns the callback `progress`.

    The time left is estimated from the arithmetic that is left.
    """
    started, first = time.monotonic(), []
    def watch(run: str, left: float):
        first.append(left)
        done = first[0] - left
        time_left = f", about {(time.monotonic() - started) * left / done / 60:.0f} min left" if done else ""
        console.print(f"{run}: {100 * (1 - left):.0f} % of the table is done{time_left}")
        return progress
    return watch


def json_lines(classes: tuple[str, ...]) -> Callable:
    "What prints each prediction, or why there is none, as a line of JSON; `classes` are the model's."
    def print_line(result):
        content = {"image": str(result.image)}
        if hasattr(result, "problem"): content["error"] = result.problem
        else:
            frequencies = [pixels / sum(result.pixels) for pixels in result.pixels]
            content |= {"mask": str(result.file), "height": result.size[0], "width": result.size[1],
                        "classes": dict(zip(classes, frequencies))}
        console.print(json.dumps(content), markup=False)
    return print_line
