"""Trainings that are stopped in the middle and resumed, each in a process of its own: `stopped.py DATA OUT STOP...`.

A moment is a callback's event or either side of an fsync, counted from the start. A STOP is `SIGNAL:MOMENT`; `none:0` isn't
stopped, and prints how many moments there are.
"""

import os
import signal
import sys
from pathlib import Path

import fastai.callback.core as core

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import Interrupted
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows import fit as fitting
from linknet_fastai.recipes import Recipe

RECIPE = Recipe(encoder="test_resnet", weights="none", epochs=3, size=(64, 64), batch_size=4, lr=5e-3)


class Moments(core.Callback):
    "Sends this process a signal at a moment."

    order = 66  # right after the checkpoints

    def __init__(self, name: str, moment: int):
        super().__init__()
        self.signal, self.moment, self.passed, self.fsync = name, moment, 0, os.fsync
        os.fsync = self.fsync

    def __call__(self, event_name): self.tick()

    def fsync(self, descriptor):
        self.tick()
        self.fsync(descriptor)
        self.tick()

    def tick(self):
        self.passed += 1
        if self.passed == self.moment: os.kill(os.getpid(), getattr(signal, self.signal))


def in_a_fork(work, *words) -> int:
    "Its exit status. Forked before torch has threads, so torch is imported once."
    child = os.fork()
    if child == 0:
        try: work(*words)
        except Interrupted as stop: os._exit(128 + stop.signal)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train(data: Path, out: Path, name: str, moment: int):
    moments = Moments(name, moment)
    fitting.fit(folder(data), RECIPE, Machine.choose("cpu"), out, cbs=(moments,))
    print("moments", moments.passed, flush=True)


if __name__ == "__main__":
    fitting.draw_results = fitting.draw_training = lambda *words: None  # most of a short run's time, and tested elsewhere
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    for stop in sys.argv[3:]:
        name, moment = stop.split(":")
        run = out / stop.replace(":", "-")
        print("stopped", stop, in_a_fork(train, data, run, name, int(moment)), flush=True)
        if name != "none" and (run / "config.json").exists():
            print("resumed", stop, in_a_fork(fitting.resume, run, None, None, Machine.choose("cpu"), (core.Callback(),)), flush=True)
