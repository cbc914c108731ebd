"""Sub-pixel against transposed convolution: LinkNet's training step and prediction, by number format and memory layout.

    python benchmarks/upsampling.py --rounds 5 [--device cuda]
"""

import argparse
import statistics
import time
from itertools import product

import torch
from torch import Tensor

from linknet_fastai.models.autocast import AutocastModel
from linknet_fastai.models.factory import untrained_model
from linknet_fastai.models.linknet import linknet
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.runtime.malloc import disable_malloc_trim
from linknet_fastai.workflows.speed import training_step

NUM_CLASSES, WARM_UP = 11, 2
LAYOUTS = {"NCHW": torch.contiguous_format, "channels-last": torch.channels_last}


class AnyLayout(AutocastModel):
    "As it is, but images keep the memory layout that they come in."

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, self.machine.dtype, enabled=self.machine.dtype != torch.float32):
            return self.model(images).float()


class Candidate:
    "A model with one upsampling, in one number format and memory layout: its training step and its prediction."

    def __init__(self, upsample: str, machine: Machine, layout: torch.memory_format, size: tuple[int, int], batch: int):
        recipe = Recipe(upsample=upsample, batch_size=batch, size=size)
        self.machine = machine
        self.images = torch.randn(batch, 3, *size, device=machine.device).contiguous(memory_format=layout)
        masks = torch.randint(0, NUM_CLASSES, (batch, *size), device=machine.device)
        self.model = AnyLayout(untrained_model(recipe, NUM_CLASSES).to(machine.device, memory_format=layout), machine)
        self.step = training_step(self.model, self.images, masks, recipe, NUM_CLASSES, machine)

    def training(self) -> float:
        self.model.train()
        return self._milliseconds(self.step)

    @torch.inference_mode()
    def prediction(self) -> float:
        self.model.eval()
        return self._milliseconds(lambda: self.model(self.images))

    def _milliseconds(self, work) -> float:
        started = time.perf_counter()
        work()
        if self.machine.device.type == "cuda": torch.cuda.synchronize()
        return 1000 * (time.perf_counter() - started) / len(self.images)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--size", type=int, nargs=2, default=(352, 480))
    arguments.add_argument("--batch", type=int, default=4)
    given = arguments.parse_args()
    disable_malloc_trim()
    parameters = {name: sum(p.numel() for p in linknet(NUM_CLASSES, weights="none", upsample=name).parameters()) / 1e6
                  for name in ("deconv", "subpixel")}
    print(f"parameters: deconv {parameters['deconv']:.2f} M, subpixel {parameters['subpixel']:.2f} M")
    for number_format, (layout, memory_format) in product(("fp32", "bf16"), LAYOUTS.items()):
        machine = Machine.choose(given.device, number_format)
        candidates = {name: Candidate(name, machine, memory_format, tuple(given.size), given.batch)
                      for name in parameters}
        for what in ("training", "prediction"):
            rounds = [{name: getattr(each, what)() for name, each in candidates.items()}
                      for _ in range(WARM_UP + given.rounds)]
            deconv, subpixel = ([each[name] for each in rounds[WARM_UP:]] for name in ("deconv", "subpixel"))
            ratios = [ours / theirs for ours, theirs in zip(subpixel, deconv)]
            print(f"{number_format}  {layout:13}  {what:10}  deconv {statistics.median(deconv):4.0f}  subpixel "
                  f"{statistics.median(subpixel):4.0f} ms an image, subpixel takes {statistics.median(ratios):.2f} "
                  f"of the time ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


if __name__ == "__main__": main()
