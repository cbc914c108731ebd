"Trainings of a second: a few images of 64x64, three epochs of a tiny encoder on the CPU."

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.core import Callback
from PIL import Image
from safetensors.torch import load_file

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import UserError
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.resume import ResumeOptions, resume

CPU = Machine(torch.device("cpu"), "fp32")
RECIPE = Recipe(encoder="test_resnet", weights="none", epochs=3, size=(64, 64), batch_size=4, lr=5e-3)


def write_images(root: Path, train: int = 13, val: int = 5) -> Path:
    "Noisy images of 64x64 with a rectangle of class 1 and a stripe of class 2."
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            mask = np.zeros((64, 64), np.uint8)
            top, left = rng.integers(0, 40, 2)
            mask[top:top + 20, left:left + 20], mask[:4] = 1, 2
            image = mask[..., None] * 60 + rng.integers(0, 60, (64, 64, 3))
            for kind, pixels in (("images", image), ("masks", mask)):
                (root / kind / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(root / kind / split / f"{number}.png")
    (root / "classes.txt").write_text("ground\nwall\ndoor\n")
    return root


class NoBar(Callback):
    "In the place of fastai's progress bar."


class At(Callback):
    "Does something at the start of an epoch's training."

    order = 90

    def __init__(self, epoch: int, act): self.at, self.act = epoch, act

    def before_train(self):
        if self.epoch == self.at: self.act()


class SignalAfter(Callback):
    "Sends a signal to this process after a step of the second epoch."

    order = -20  # before it is looked for

    def __init__(self, step: int): self.step = step

    def after_step(self):
        if (self.epoch, self.iter) == (1, self.step): os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def undrawn() -> Iterator[None]:
    "Runs have no figures meanwhile: they take most of a short one's time, and are tested elsewhere."
    with pytest.MonkeyPatch.context() as patch:
        for name in ("draw_run", "draw_training"):
            patch.setattr(f"linknet_fastai.workflows.finish.{name}", lambda *words: None)
        yield


def trained(data: Path, out: Path, recipe: Recipe = RECIPE, cbs=()) -> Run:
    "A run on the folder `data`."
    return fit(folder(data), recipe, CPU, FitOptions(out, cbs=tuple(cbs), progress_bar=NoBar()))


def resumed(run: Path, **options) -> Run:
    return resume(run, CPU, ResumeOptions(progress_bar=NoBar(), **options))


def history(run: Path) -> pd.DataFrame:
    "Without what differs from run to run."
    return pd.read_csv(run / "history.csv").drop(columns="seconds")


def assert_same(run: Path, other: Path):
    "Weights bit by bit, histories, scores."
    for name in ("model", "last"):
        found, expected = (load_file(path / f"{name}.safetensors") for path in (run, other))
        assert found.keys() == expected.keys()
        for key in found: assert torch.equal(found[key], expected[key]), (name, key)
    pd.testing.assert_frame_equal(history(run), history(other), check_exact=True)
    assert (run / "scores.json").read_bytes() == (other / "scores.json").read_bytes()


def refusal(call, *words, **options) -> str:
    "The one message that `call` ends in."
    with pytest.raises(UserError) as raised: call(*words, **options)
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)
