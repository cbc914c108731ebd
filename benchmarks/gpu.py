"""A GPU's training step, epoch, memory and prediction, and whether batches come as fast as it takes them.

    python benchmarks/gpu.py [--data CAMVID] --out cuda-results

Steps are timed on one batch that stays on the device; an epoch is a pass over a dataset (CamVid, or the drawn streets)
with all that belongs to it: decoded images in memory, collated, copied from pinned memory, augmented and normalized on
the device. What it takes beyond as many bare steps is the data's part. One row a setting, in `speed.csv`.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from fastai.callback.core import Callback

from linknet_fastai import camvid, streets
from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.datasets.dataset import SegmentationDataset
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import DTYPES, Machine
from linknet_fastai.training.learner import linknet_learner
from linknet_fastai.workflows.speed import measure

WARM_UP = 5  # batches of an epoch that don't count: cuDNN tries its algorithms


class BatchTimes(Callback):
    "When each training batch was done."

    order = 80

    def before_train(self): self.ends = []

    def after_batch(self):
        if not self.training: return
        if self.dls.device.type == "cuda": torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def epoch_ms(dataset: SegmentationDataset, recipe: Recipe, machine: Machine) -> float:
    "Milliseconds an image of a training epoch, from its sixth batch on."
    dls = SegmentationDataLoaders.from_dataset(dataset, recipe, machine.device)
    learn, times = linknet_learner(dls, recipe, machine), BatchTimes()
    with learn.no_bar(), learn.no_logging(): learn.fit(1, cbs=times)
    ends = times.ends[min(WARM_UP, len(times.ends) // 2):]
    return 1000 * (ends[-1] - ends[0]) / (len(ends) - 1) / recipe.batch_size


def row(dataset: SegmentationDataset, recipe: Recipe, machine: Machine) -> dict:
    "What one setting takes."
    on_gpu = machine.device.type == "cuda"
    if on_gpu: torch.cuda.reset_peak_memory_stats()
    speed = measure(recipe, len(dataset.classes), machine)
    memory = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else float("nan")
    epoch = epoch_ms(dataset, recipe, machine)
    return {"precision": machine.precision, "compile": machine.compile, "batch": recipe.batch_size,
            "step ms an image": speed.training, "epoch ms an image": epoch, "data's part": 1 - speed.training / epoch,
            "of the matrix product": speed.utilization, "product TFLOP/s": speed.peak / 1e12, "peak GiB": memory,
            "prediction ms": speed.prediction}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="CamVid's folder; the drawn streets if not given")
    parser.add_argument("--out", type=Path, default=Path("cuda-results"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", default="360x480")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8, 16, 32])
    given = parser.parse_args()
    dataset = camvid(given.data) if given.data else streets()
    recipe = Recipe(weights="none", size=tuple(map(int, given.size.split("x"))))
    precisions = DTYPES if given.device.startswith("cuda") else ["fp32"]
    machines = [Machine.choose(given.device, precision) for precision in precisions]
    if given.device.startswith("cuda"): machines.append(replace(machines[0], compile=True))
    given.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for machine in machines:
        for batch in given.batches:
            rows.append(row(dataset, replace(recipe, batch_size=batch), machine))
            print({name: round(value, 3) if isinstance(value, float) else value for name, value in rows[-1].items()},
                  flush=True)
            pd.DataFrame(rows).to_csv(given.out / "speed.csv", index=False)
    print(f"{machines[0]}, torch {torch.__version__}: {given.out / 'speed.csv'}")


if __name__ == "__main__": main()
