"Rare classes count for more in the loss."

import numpy as np

from ..pictures import VOID


def class_frequencies(masks: list[np.ndarray], classes: int) -> np.ndarray:
    "Share of each class in the pixels that are not void, `[classes]`; sums to 1. Some pixel must be a class."
    counts = sum(np.bincount(mask.ravel(), minlength=VOID + 1) for mask in masks)[:classes]
    return counts / counts.sum()


def class_weights(frequency: np.ndarray) -> np.ndarray:
    "Weights `1/ln(p + 1.02)` for class frequencies `p` `[C]` that sum to 1 (LinkNet, arXiv 1707.03718, sec. 4)."
    return 1 / np.log(frequency + 1.02)
