"Training as a terminal shows it: one bar with the time left, one line an epoch."

import time

from fastai.callback.core import Callback
from fastcore.basics import noop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

THROTTLE = 0.5  # seconds between two readings of the loss: each waits for the device


class TerminalProgress(Callback):
    "On a terminal a bar over all steps of the training; elsewhere only the lines."

    order = 70  # after fastai's Recorder, whose row is printed

    def __init__(self, console: Console):
        self.console = console
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("left"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = None

    def __enter__(self) -> "TerminalProgress":
        self.bar.start()
        return self

    def __exit__(self, *exception): self.bar.stop()  # also when training is interrupted: the cursor comes back

    def before_fit(self):
        self.shown, self.learn.logger = 0.0, noop
        self._forget()  # of an attempt that failed
        steps = len(self.dls.train) + len(self.dls.valid)
        self.task = self.bar.add_task("", total=(self.n_epoch - self.first_epoch) * steps)

    def after_batch(self):
        self.bar.advance(self.task)
        if self.training and time.monotonic() - self.shown > THROTTLE:
            self.shown = time.monotonic()
            shown = f"epoch {self.epoch + 1}/{self.n_epoch}  loss {self.smooth_loss.item():.3f}"
            self.bar.update(self.task, description=shown)

    def after_epoch(self):
        row = self.recorder.rows[-1]
        line = f"epoch {row['epoch']:3}/{self.n_epoch}  loss {row['train_loss']:.3f}"
        if len(self.dls.valid): line += f"  validation {row['valid_loss']:.3f}  mIoU {100 * row['miou']:5.1f}"
        best = "  best" if self.recorder.improved else ""
        self.console.print(f"{line}  {row['seconds']:4.0f} s{best}", highlight=False)

    def after_fit(self): self._forget()

    def _forget(self):
        if self.task is not None: self.bar.remove_task(self.task)
        self.task = None
