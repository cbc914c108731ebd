"""What a GPU does with a training: the step, the epoch, the memory, the prediction.

    python benchmarks/gpu_timings.py --out cuda-results
    python benchmarks/gpu_timings.py --device cpu --rounds 1 --size 64x64 --batches 2 --images 6 --encoder test_resnet

Writes `steps.csv`, a row for each precision and batch size, and `epoch.json`. An epoch is of noise, with everything in
it but validation: batches collated, pinned and copied, augmentation on the device, fastai's loop. Beside it stand as
many bare steps on one batch that lies on the device: the difference is what loading and loop cost.

On a GPU these wait for the device in each step, and so keep the host from running ahead: `FiniteLoss` reads the loss;
soft Dice picks pixels by a mask (`masks[known]`) and counts them (`bincount`); a batch is copied from pinned memory,
but not asynchronously (fastai's `to_device`); `Augment`'s random numbers come from ordinary memory; fp16's scaler looks
for overflows. Batches are made between the steps, by no other thread: whether that is the limit is what `epoch.json`
tells. This file isn't called `cuda.py`, since torch would import it for NVIDIA's package of that name.
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.callback.core import Callback
from PIL import Image

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.datasets.folder import folder
from linknet_fastai.models.autocast import autocast_model
from linknet_fastai.models.factory import untrained_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.runtime.timing import median_milliseconds
from linknet_fastai.training.learner import linknet_learner
from linknet_fastai.workflows.speed import matrix_peak, measure, training_step

CLASSES = 11


def precisions(device: str) -> list[str]:
    if torch.device(device).type != "cuda": return ["bf16", "fp32"]
    return ["bf16", "fp16", "fp32"] if torch.cuda.is_bf16_supported() else ["fp16", "fp32"]


def step_row(recipe: Recipe, machine: Machine) -> dict:
    "Milliseconds an image in training and prediction, the fraction of the matrix product's peak, memory."
    is_gpu = machine.device.type == "cuda"
    if is_gpu: torch.cuda.reset_peak_memory_stats(machine.device)
    speed = measure(recipe, CLASSES, machine)
    memory = torch.cuda.max_memory_allocated(machine.device) / 2**30 if is_gpu else float("nan")
    peak = matrix_peak(machine)
    return {"precision": machine.precision, "compiled": machine.compile, "batch_size": recipe.batch_size,
            "training_ms": speed.training, "prediction_ms": speed.prediction, "utilization": speed.utilization(peak),
            "peak_tflops": peak / 1e12, "memory_gib": memory}


def write_noise(root: Path, images: int, size: tuple[int, int]):
    "A folder of noise with masks of noise, `images` to train on and 1 to validate on."
    rng = np.random.default_rng(0)
    for split, count in (("train", images), ("val", 1)):
        for number in range(count):
            image, mask = rng.integers(0, 256, (*size, 3)), rng.integers(0, CLASSES, size)
            for kind, pixels in (("images", image), ("masks", mask)):
                (root / kind / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(root / kind / split / f"{number}.png", compress_level=1)
    (root / "classes.txt").write_text("".join(f"class {number}\n" for number in range(CLASSES)))


class EpochClock(Callback):
    "Seconds of each epoch's training, to the end of all that the device has to do."

    order = 100

    def before_fit(self): self.seconds = []

    def before_train(self): self.started = time.perf_counter()

    def after_train(self):
        if self.dls.device.type == "cuda": torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self.started)


def batches_ms(dls: SegmentationDataLoaders, rounds: int) -> float:
    "Milliseconds of a batch alone: collated, copied, augmented, normalized."
    def whole_pass():
        for _ in dls.train: pass
        if dls.device.type == "cuda": torch.cuda.synchronize()
    return median_milliseconds([whole_pass], rounds)[0] / len(dls.train)


def bare_step_ms(recipe: Recipe, machine: Machine, batch: tuple, steps: int, rounds: int) -> float:
    "Milliseconds of a step among so many on one `batch`."
    images, masks = (part.as_subclass(torch.Tensor) for part in batch)
    model = autocast_model(untrained_model(recipe, CLASSES, 3), machine)
    step = training_step(model, images, masks.long(), recipe, CLASSES, machine)

    def all_steps():
        for _ in range(steps): step()
        if machine.device.type == "cuda": torch.cuda.synchronize()
    return median_milliseconds([all_steps], rounds)[0] / steps


def epoch(recipe: Recipe, machine: Machine, images: int, rounds: int) -> dict:
    "Milliseconds a step in an epoch, of bare steps, and of batches alone; what loading and loop take of an epoch."
    with tempfile.TemporaryDirectory() as root:
        write_noise(Path(root), images, recipe.size)
        dls = SegmentationDataLoaders.from_dataset(folder(Path(root)), recipe, machine.device)
    learn, clock, steps = linknet_learner(dls, recipe, machine), EpochClock(), len(dls.train)
    with learn.no_bar(), learn.no_logging(): learn.fit(1 + rounds, 1e-4, cbs=clock)
    whole = 1000 * float(np.median(clock.seconds[1:])) / steps
    bare = bare_step_ms(recipe, machine, dls.train.one_batch(), steps, rounds)
    return {"machine": str(machine), "size": recipe.size, "batch_size": recipe.batch_size, "steps": steps,
            "epoch_ms_a_step": whole, "bare_ms_a_step": bare, "batch_alone_ms": batches_ms(dls, rounds),
            "loading_and_loop": 1 - bare / whole}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=3, help="epochs; steps are always the median of 7")
    parser.add_argument("--size", default="352x480")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--images", type=int, default=400, help="of an epoch")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--compile", action="store_true", help="all of it through torch.compile")
    parser.add_argument("--out", type=Path, default=Path("cuda-results"))
    return parser.parse_args()


def main():
    given = parsed()
    given.out.mkdir(parents=True, exist_ok=True)
    size = tuple(map(int, given.size.split("x")))
    recipe = Recipe(size=size, encoder=given.encoder, weights="none", batch_size=given.batches[0])
    machines = [Machine.choose(given.device, name, given.compile) for name in precisions(given.device)]
    rows = []
    for machine in machines:
        print(machine, flush=True)
        for batch_size in given.batches:
            rows.append(step_row(replace(recipe, batch_size=batch_size), machine))
            pd.DataFrame(rows).to_csv(given.out / "steps.csv", index=False)  # what there is, if time runs out
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.3f"), flush=True)
    epochs = [epoch(replace(recipe, batch_size=batch_size), machines[0], given.images, given.rounds)
              for batch_size in given.batches]
    (given.out / "epoch.json").write_text(json.dumps({"torch": torch.__version__, "recipe": asdict(recipe),
                                                      "epochs": epochs}, indent=1))
    print(pd.DataFrame(epochs).drop(columns="machine").to_string(index=False, float_format="%.3f"))


if __name__ == "__main__": main()
