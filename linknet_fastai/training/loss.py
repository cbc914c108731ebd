"Weighted cross-entropy."

import numpy as np
import torch
from fastai.losses import CrossEntropyLossFlat

from ..datasets.dataset import VOID
from .class_weights import class_weights


def weighted_cross_entropy(frequency: np.ndarray) -> CrossEntropyLossFlat:
    "For logits `[B,C,H,W]` and masks `[B,H,W]`, by class frequencies `[C]`; void is ignored."
    weights = torch.tensor(class_weights(frequency), dtype=torch.float)
    return CrossEntropyLossFlat(axis=1, weight=weights, ignore_index=VOID)
