"Pixels as models take them."

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def normalized(pixels: np.ndarray, mean: Sequence[float], std: Sequence[float], device: torch.device | str) -> Tensor:
    "Pixels uint8 `[N,h,w,C]` as images `[N,C,h,w]` on the device, by the mean and deviation of each channel in 0..1."
    images = torch.tensor(pixels, device=device).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (mean, std))
    return (images - mean) / std
