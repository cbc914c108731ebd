"""A training step with freed memory kept for the next one, and without.

    python benchmarks/memory.py --rounds 3

Each measurement is a process of its own, in turn, since what malloc was told can't be taken back.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from unittest.mock import patch

import torch

from linknet_fastai.runtime import device as precision
from linknet_fastai.models.linknet import linknet
from linknet_fastai.models.autocast import prepare
from linknet_fastai.runtime.device import Machine
from linknet_fastai.recipes import Recipe
from linknet_fastai.workflows.speed import training_step

SIZE, CLASSES, WARM_UP, STEPS = (352, 480), 11, 2, 6


def one_process(keep: bool):
    "Prints milliseconds an image, page faults a step, peak memory in GiB."
    recipe, machine = replace(Recipe(), size=SIZE), Machine.choose("cpu")
    with patch.object(precision, "disable_malloc_trim", precision.disable_malloc_trim if keep else lambda: None):
        model = prepare(linknet(CLASSES, recipe.encoder, "none", recipe.upsample), machine)
    images, masks = torch.randn(recipe.batch_size, 3, *SIZE), torch.randint(0, CLASSES, (recipe.batch_size, *SIZE))
    step = training_step(model, images, masks, recipe, CLASSES, machine)
    for _ in range(WARM_UP): step()
    before, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, []
    for _ in range(STEPS):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(1000 * statistics.median(seconds) / recipe.batch_size, (used.ru_minflt - before) // STEPS, used.ru_maxrss / 2**20)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--process", choices=("kept", "freed"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.process: return one_process(given.process == "kept")
    ratios = []
    for number in range(1, given.rounds + 1):
        taken = {}
        for way in ("freed", "kept"):
            result = subprocess.run([sys.executable, __file__, "--process", way], capture_output=True, text=True, check=True)
            taken[way], faults, memory = map(float, result.stdout.split()[-3:])
            print(f"round {number}  {way:5}  {taken[way]:4.0f} ms an image  {faults:8.0f} page faults a step  {memory:.2f} GiB")
        ratios.append(taken["freed"] / taken["kept"])
    print(f"kept: {statistics.median(ratios):.2f} times as fast (median of {', '.join(f'{ratio:.2f}' for ratio in ratios)})")


if __name__ == "__main__": main()
