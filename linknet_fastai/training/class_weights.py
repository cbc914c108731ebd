"Weights by which rare classes count for more in the loss."

import numpy as np


def class_weights(frequency: np.ndarray) -> np.ndarray:
    "Weights `1/ln(p + 1.02)` for class frequencies `p` `[C]` that sum to 1 (LinkNet, arXiv 1707.03718, sec. 4)."
    return 1 / np.log(frequency + 1.02)


def median_frequency_weights(counts: np.ndarray) -> np.ndarray:
    """Weights `median(f) / f` for the pixels of each class in each image, `[N,C]` (SegNet, arXiv 1511.00561, sec. 3.2).

    `f` is a class's frequency in the images that it is in, void left out. A class of no pixels weighs as the rarest.
    """
    pixels, of_images = counts.sum(axis=0), (counts.sum(axis=1, keepdims=True) * (counts > 0)).sum(axis=0)
    found = pixels > 0
    frequency = pixels[found] / of_images[found]
    weights = np.full(len(pixels), np.median(frequency) / frequency.min())
    weights[found] = np.median(frequency) / frequency
    return weights
