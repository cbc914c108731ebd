"""Trainings that are stopped in the middle and resumed, each in a process of its own: `stopped.py DATA OUT STOP...`.

A moment is a callback's event or either side of an fsync, counted from the start. A STOP is `SIGNAL:MOMENT`; `none:0`
isn't stopped, and prints how many moments there are.
"""

import os
import signal
import sys
from pathlib import Path
from unittest.mock import patch

import fastai.callback.core as core

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import Interrupted
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.resume import ResumeOptions, resume

RECIPE = Recipe(encoder="test_resnet", weights="none", epochs=3, size=(64, 64), batch_size=4, lr=5e-3)


class Moments(core.Callback):
    "Sends this process a signal at a moment."

    order = 66  # right after the checkpoints

    def __init__(self, name: str, moment: int):
        super().__init__()
        self.signal, self.moment, self.passed, self.original_fsync = name, moment, 0, os.fsync
        os.fsync = self.fsync

    def __call__(self, event_name): self.tick()

    def fsync(self, descriptor):
        self.tick()
        self.original_fsync(descriptor)
        self.tick()

    def tick(self):
        self.passed += 1
        if self.passed == self.moment: os.kill(os.getpid(), getattr(signal, self.signal))


def exit_status_in_fork(work, *words) -> int:
    "Of `work(*words)`. Forked before torch has threads, so torch is imported once."
    child = os.fork()
    if child == 0:
        try: work(*words)
        except Interrupted as stop: os._exit(128 + stop.signal)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train(data: Path, out: Path, name: str, moment: int):
    moments = Moments(name, moment)
    fit(folder(data), RECIPE, Machine.choose("cpu"), FitOptions(out, cbs=(moments,), progress_bar=core.Callback()))
    print("moments", moments.passed, flush=True)


def go_on(run: Path):
    resume(run, Machine.choose("cpu"), ResumeOptions(progress_bar=core.Callback()))


def main(data: Path, out: Path, stops: list[str]):
    for stop in stops:
        name, moment = stop.split(":")
        run = out / stop.replace(":", "-")
        print("stopped", stop, exit_status_in_fork(train, data, run, name, int(moment)), flush=True)
        if name != "none" and (run / "config.json").exists():
            print("resumed", stop, exit_status_in_fork(go_on, run), flush=True)


if __name__ == "__main__":
    # most of a short run's time, and tested elsewhere
    with patch("linknet_fastai.workflows.finish.draw_run"), patch("linknet_fastai.workflows.finish.draw_training"):
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
