"Pixels as models take them."

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def normalized(pixels: np.ndarray, mean: Sequence[float], std: Sequence[float], device: torch.device | str) -> Tensor:
    "Pixels uint8 `[N,h,w,C]` as images `[N,C,h,w]` on the device, by the mean and deviation of each channel in 0..1."
    images = torch.tensor(pixels, device=device).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (mean, std))
    return (images - mean) / std


class InstanceNorm(nn.Module):
    """Images `[B,C,H,W]`, each normalized by its own mean and deviation, channel by channel (arXiv 1607.08022).

    It is what `nn.InstanceNorm2d` gives, which takes no image of one pixel.
    """

    def forward(self, images: Tensor) -> Tensor:
        return F.layer_norm(images, images.shape[-2:])


def input_norm(instance_norm: bool) -> nn.Module:
    "What a model's images go through first: an `InstanceNorm`, or nothing. It has no weights."
    return InstanceNorm() if instance_norm else nn.Identity()
