"""Where the time of a training step goes, operator by operator, by torch's profiler.

    python benchmarks/profile_step.py --encoder tf_efficientnet_lite0

A step of `rapid` at 352x480 in batches of 4. `ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2` before it, and
`--precision fp32` behind, are as if the processor had no AVX512; with `ONEDNN_VERBOSE=1` oneDNN prints each
convolution with its kernel and its milliseconds.
"""

import argparse
from dataclasses import replace

import torch
from torch.profiler import ProfilerActivity, profile

from linknet_fastai.datasets.camvid import CLASSES
from linknet_fastai.models.autocast import autocast_model
from linknet_fastai.models.factory import untrained_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.speed import training_step

SIZE, OPERATORS, WARM_UP = (352, 480), 15, 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--upsample", default=Recipe.upsample)
    parser.add_argument("--precision")
    arguments = parser.parse_args()
    recipe = replace(Recipe(), encoder=arguments.encoder, upsample=arguments.upsample, weights="none", size=SIZE)
    machine = Machine.choose("cpu", arguments.precision)
    model = autocast_model(untrained_model(recipe, len(CLASSES), 3), machine)
    images = torch.randn(recipe.batch_size, 3, *SIZE)
    masks = torch.randint(0, len(CLASSES), (recipe.batch_size, *SIZE))
    step = training_step(model, images, masks, recipe, len(CLASSES), machine)
    for _ in range(WARM_UP): step()
    with profile(activities=[ProfilerActivity.CPU]) as profiled: step()
    averages = profiled.key_averages()
    total = sum(each.self_cpu_time_total for each in averages)
    print(f"{arguments.encoder}, {arguments.upsample}, {machine}: {total / 1000 / recipe.batch_size:.0f} ms an image")
    for each in sorted(averages, key=lambda each: -each.self_cpu_time_total)[:OPERATORS]:
        share = each.self_cpu_time_total / total
        print(f"{share:6.1%}  {each.self_cpu_time_total / 1000:7.1f} ms  {each.count:4} calls  {each.key}")


if __name__ == "__main__": main()
