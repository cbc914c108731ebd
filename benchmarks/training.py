"""Ours against plain fastai around segmentation_models_pytorch's Linknet: the step, the epoch, the memory.

    python benchmarks/training.py ../shared/camvid --frames 64 --rounds 3

Both train on the same frames of CamVid at 352x480 in batches of 8, in turn, each in a process of its own: ours switches
malloc's trim off, which can't be taken back, and would help the other. (a) is what one would write otherwise: a fastai
`DataBlock` with `aug_transforms`, every PNG decoded in every epoch, fp32, NCHW, fastai's loss, optimizer and metric.
(b) is `linknet_learner` with the recipe `rapid`, with `--precision fp32` as where there is no bf16. An epoch has
everything in it: loading, augmentation, training on the frames, validation on a quarter as many, scores. One epoch of
each warms up.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import fastai.callback.all  # noqa: F401  gives `Learner` its `no_bar` and `no_logging`
import pandas as pd
import segmentation_models_pytorch as smp
from fastai.callback.core import Callback
from fastai.data.block import DataBlock
from fastai.data.transforms import ColReader, ColSplitter, Normalize
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import JaccardCoeffMulti
from fastai.torch_core import set_seed
from fastai.vision.augment import aug_transforms
from fastai.vision.data import ImageBlock, MaskBlock
from timm.data import IMAGENET_DEFAULT_MEAN as MEAN
from timm.data import IMAGENET_DEFAULT_STD as STD

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.datasets.camvid import UNLABELED, camvid
from linknet_fastai.datasets.dataset import SegmentationDataset
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.training.learner import linknet_learner

SIZE, BATCH = (352, 480), 8


def few_frames(root: Path, frames: int) -> SegmentationDataset:
    "The first training frames, and a quarter as many for validation."
    dataset = camvid(root)
    splits = [dataset.split("train")[:frames], dataset.split("val")[:max(BATCH, frames // 4)]]
    return replace(dataset, table=pd.concat(splits, ignore_index=True))


def plain_fastai(dataset: SegmentationDataset) -> Learner:
    block = DataBlock((ImageBlock, MaskBlock([*dataset.classes, "void"])),
                      get_x=ColReader("image"), get_y=ColReader("mask"), splitter=ColSplitter("is_valid"),
                      batch_tfms=[*aug_transforms(size=SIZE), Normalize.from_stats(MEAN, STD)])
    dls = block.dataloaders(dataset.table.assign(is_valid=dataset.table.split == "val"), bs=BATCH, num_workers=0)
    model = smp.Linknet("resnet18", encoder_weights=None, classes=len(dataset.classes))
    return Learner(dls, model, CrossEntropyLossFlat(axis=1, ignore_index=UNLABELED), metrics=JaccardCoeffMulti())


def ours(dataset: SegmentationDataset, precision: str | None) -> Learner:
    recipe = Recipe(weights="none", size=SIZE, batch_size=BATCH)
    dls = SegmentationDataLoaders.from_dataset(dataset, recipe, "cpu")
    return linknet_learner(dls, recipe, Machine.choose("cpu", precision), lr=1e-4)


class Steps(Callback):
    "Seconds of each training step: forward, loss, backward, optimizer."

    def before_fit(self): self.seconds = []

    def before_batch(self): self.started = time.perf_counter()

    def after_batch(self):
        if self.training: self.seconds.append(time.perf_counter() - self.started)


def serve(learn: Learner, frames: int):
    "An epoch for each line of standard input: milliseconds a frame of a step and of the epoch, peak memory in GiB."
    for _ in sys.stdin:
        steps, started = Steps(), time.perf_counter()
        with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-4, cbs=steps)
        seconds = time.perf_counter() - started
        measured = dict(step=1000 * statistics.median(steps.seconds) / BATCH, epoch=1000 * seconds / frames,
                        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
        print(json.dumps(measured), flush=True)


class Trainer:
    "One of the two, in its process."

    def __init__(self, name: str, words: list[str]):
        self.process = subprocess.Popen([sys.executable, *words, "--process", name], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def epoch(self) -> dict[str, float]:
        print(file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


PEERS = {"plain": lambda dataset, precision: plain_fastai(dataset), "ours": ours}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--frames", type=int, default=64)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--precision", help="Ours: bf16 or fp32; the machine's best if not given.")
    arguments.add_argument("--process", choices=PEERS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.process:
        set_seed(0)
        learn = PEERS[given.process](few_frames(given.data, given.frames), given.precision)
        return serve(learn, given.frames)
    trainers = {name: Trainer(name, sys.argv) for name in PEERS}
    for trainer in trainers.values(): trainer.epoch()
    ratios = {"step": [], "epoch": []}
    for number in range(1, given.rounds + 1):
        measured = {name: trainer.epoch() for name, trainer in trainers.items()}
        for name, epoch in measured.items():
            print(f"round {number}  {name:5}  step {epoch['step']:4.0f} ms a frame  "
                  f"epoch {epoch['epoch']:4.0f} ms a frame  memory {epoch['memory']:.1f} GiB")
        for what, values in ratios.items(): values.append(measured["plain"][what] / measured["ours"][what])
    for what, values in ratios.items():
        print(f"{what}: {statistics.median(values):.2f} times as fast "
              f"(median of {', '.join(f'{value:.2f}' for value in values)})")


if __name__ == "__main__": main()
