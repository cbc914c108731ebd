"What a model costs: parameters and arithmetic."

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..errors import hxw

# LinkNet: arXiv 1707.03718; SegNet and ENet: ENet's, 1606.02147, table 2. FLOPs are about 2 x MACs
PUBLISHED = {"linknet": "11.5 M, 21.2 GFLOPs at 360x640", "segnet": "29.46 M, 286.03 GFLOPs at 360x640",
             "enet": "0.37 M, 3.83 GFLOPs at 360x640"}
PAPER_SIZE = (360, 640)


@dataclass(frozen=True)
class Cost:
    "Parameters, and the MACs of one image's convolutions at `size` (height, width)."

    parameters: int
    macs: int
    size: tuple[int, int]

    def __str__(self) -> str:
        return (f"{self.parameters / 1e6:.3g} M parameters, {self.macs / 1e9:.1f} G MACs = "
                f"{2 * self.macs / 1e9:.1f} GFLOPs at {hxw(self.size)}")


def cost_of(model: nn.Module, size: tuple[int, int] = PAPER_SIZE, in_channels: int = 3) -> Cost:
    """Count the parameters of `model`, and its MACs for an image of `size` (height, width) and `in_channels`.

    `model` must be on the device `meta`, where nothing is computed; it is left in evaluation mode.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, in_channels, *size, device="meta"))
    return Cost(sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2, size)
