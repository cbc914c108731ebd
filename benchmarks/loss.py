"""Our cross-entropy against fastai's, forward and backward, on logits as the model gives them.

    python benchmarks/loss.py
"""

import statistics
import time

import torch
from fastai.losses import CrossEntropyLossFlat

from linknet_fastai.images.mask import VOID
from linknet_fastai.training.loss import SegmentationLoss

SHAPE, ROUNDS = (8, 11, 352, 480), 7


def seconds(loss, logits, masks) -> float:
    logits = logits.clone().requires_grad_()
    started = time.perf_counter()
    loss(logits.float(), masks).backward()
    return time.perf_counter() - started


def main():
    torch.manual_seed(0)
    logits = torch.randn(SHAPE).bfloat16().contiguous(memory_format=torch.channels_last)
    masks = torch.randint(0, SHAPE[1], (SHAPE[0], *SHAPE[2:]))
    weight = torch.rand(SHAPE[1]) + 0.5
    losses = {"fastai's cross-entropy": CrossEntropyLossFlat(axis=1, weight=weight, ignore_index=VOID),
              "ours": SegmentationLoss(weight), "ours with Dice": SegmentationLoss(weight, dice_weight=1.0)}
    taken = {name: [] for name in losses}
    for _ in range(ROUNDS):
        for name, loss in losses.items(): taken[name].append(seconds(loss, logits, masks))
    first = statistics.median(taken["fastai's cross-entropy"])
    for name, values in taken.items():
        median = statistics.median(values)
        print(f"{name:23} {1000 * median:4.0f} ms a batch, {median / first:.2f} of fastai's")


if __name__ == "__main__": main()
