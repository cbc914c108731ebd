"""A training step with malloc's trim, and without.

    python benchmarks/malloc.py --rounds 3

Each measurement is a process of its own, in turn, since what malloc was told can't be taken back.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import torch

from linknet_fastai.models.autocast import AutocastModel
from linknet_fastai.models.factory import untrained_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.runtime.malloc import disable_malloc_trim
from linknet_fastai.workflows.speed import training_step

SIZE, NUM_CLASSES, WARM_UP, STEPS = (352, 480), 11, 2, 6
WAYS = ("trim", "no-trim")


def one_process(trim: bool):
    "Prints milliseconds an image, page faults a step, peak memory in GiB."
    if not trim: disable_malloc_trim()
    recipe, machine = replace(Recipe(), size=SIZE), Machine.choose("cpu")
    model = AutocastModel(untrained_model(recipe, NUM_CLASSES).to(memory_format=torch.channels_last), machine)
    images, masks = torch.randn(recipe.batch_size, 3, *SIZE), torch.randint(0, NUM_CLASSES, (recipe.batch_size, *SIZE))
    step = training_step(model, images, masks, recipe, NUM_CLASSES, machine)
    for _ in range(WARM_UP): step()
    before, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, []
    for _ in range(STEPS):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    used = resource.getrusage(resource.RUSAGE_SELF)
    milliseconds = 1000 * statistics.median(seconds) / recipe.batch_size
    print(milliseconds, (used.ru_minflt - before) // STEPS, used.ru_maxrss / 2**20)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--process", choices=WAYS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.process: return one_process(given.process == "trim")
    ratios = []
    for number in range(1, given.rounds + 1):
        taken = {}
        for way in WAYS:
            words = [sys.executable, __file__, "--process", way]
            result = subprocess.run(words, capture_output=True, text=True, check=True)
            taken[way], faults, memory = map(float, result.stdout.split()[-3:])
            print(f"round {number}  {way:7}  {taken[way]:4.0f} ms an image  {faults:8.0f} page faults a step  "
                  f"{memory:.2f} GiB", flush=True)
        ratios.append(taken["trim"] / taken["no-trim"])
    print(f"no trim: {statistics.median(ratios):.2f} times as fast "
          f"(median of {', '.join(f'{ratio:.2f}' for ratio in ratios)})")


if __name__ == "__main__": main()
