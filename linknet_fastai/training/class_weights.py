"Weights by which rare classes count for more in the loss."

import numpy as np


def class_weights(frequency: np.ndarray) -> np.ndarray:
    "Weights `1/ln(p + 1.02)` for class frequencies `p` `[C]` that sum to 1 (LinkNet, arXiv 1707.03718, sec. 4)."
    return 1 / np.log(frequency + 1.02)
