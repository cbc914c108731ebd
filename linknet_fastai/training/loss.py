"Weighted cross-entropy: rare classes count for more."

import numpy as np
import torch
from fastai.losses import CrossEntropyLossFlat
from torch import Tensor

from ..datasets.dataset import VOID


def class_frequencies(masks: list[np.ndarray], classes: int) -> Tensor:
    "Share of each class in the pixels that are not void, `[classes]`, float; sums to 1. Some pixel must be a class."
    counts = sum(np.bincount(mask.ravel(), minlength=VOID + 1) for mask in masks)[:classes]
    return torch.from_numpy(counts / counts.sum()).float()


def class_weights(frequency: Tensor) -> Tensor:
    "Weights `1/ln(p + 1.02)` for class frequencies `p` `[C]` that sum to 1 (LinkNet, arXiv 1707.03718, sec. 4)."
    return 1 / torch.log(frequency + 1.02)


def weighted_cross_entropy(frequency: Tensor) -> CrossEntropyLossFlat:
    "For logits `[B,C,H,W]` and masks `[B,H,W]`; void is ignored."
    return CrossEntropyLossFlat(axis=1, weight=class_weights(frequency), ignore_index=VOID)
