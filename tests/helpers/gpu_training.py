"Trainings of seconds on a GPU, with a few drawn street scenes."

from pathlib import Path

import torch
from fastai.callback.core import Callback
from safetensors.torch import load_file
from short_training import NoBar

from linknet_fastai.datasets.streets import streets
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.resume import ResumeOptions, resume

RECIPE = Recipe(encoder="test_resnet", weights="none", epochs=3, size=(128, 160), batch_size=4, lr=5e-3)


def trained(data: Path, out: Path, machine: Machine, cbs=(), recipe: Recipe = RECIPE) -> Run:
    "A run on the street scenes in `data`."
    return fit(streets(data), recipe, machine, FitOptions(out, cbs=tuple(cbs), progress_bar=NoBar()))


def resumed(run: Path, machine: Machine, cbs=()) -> Run:
    return resume(run, machine, ResumeOptions(cbs=tuple(cbs), progress_bar=NoBar()))


class BatchSums(Callback):
    "The sums of each training batch's images and masks, by epoch and step."

    order = -100

    def __init__(self): self.sums = {}

    def before_batch(self):
        if self.training: self.sums[self.epoch, self.iter] = [float(part.double().sum()) for part in (self.x, self.y)]


def distance(run: Path, other: Path) -> float:
    "How far apart the last weights of two runs are, relative to their length."
    mine, theirs = (torch.cat([tensor.double().flatten() for name, tensor in
                               sorted(load_file(path / "last.safetensors").items())
                               if name.startswith("model.") and tensor.is_floating_point()]) for path in (run, other))
    return float((mine - theirs).norm() / theirs.norm())
