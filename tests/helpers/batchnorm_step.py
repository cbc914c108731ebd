"""A step of BatchNorms in one of several processes, on its part of a batch: `batchnorm_step.py OUT RANK WORLD_SIZE`."""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from linknet_fastai.runtime.sync_batchnorm import convert_sync_batchnorm


class Doubled(nn.Module):
    "A `drop` that is the same in every process."

    def forward(self, x: Tensor) -> Tensor: return 2 * x


def model() -> nn.Module:
    "A BatchNorm with an activation, and one without."
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 1), BatchNormAct2d(5, act_layer="silu", drop_layer=Doubled),
                         nn.Conv2d(5, 4, 1), nn.BatchNorm2d(4))


def step(model: nn.Module, rank: int = 0, world_size: int = 1) -> dict[str, Tensor]:
    "Output, gradients and buffers after the step of a process on its part of four images of different contrast."
    torch.manual_seed(1)
    images = 3 + torch.randn(4, 3, 8, 8) * torch.arange(1, 5).view(4, 1, 1, 1)
    own, weights = (batch.chunk(world_size)[rank].clone() for batch in (images, torch.randn(4, 4, 8, 8)))
    output = model(own.requires_grad_())
    (output * weights).sum().backward()
    return {"output": output.detach(), "input's gradient": own.grad, **dict(model.named_buffers()),
            **{f"{name}'s gradient": parameter.grad for name, parameter in model.named_parameters()}}


if __name__ == "__main__":
    out, rank, world_size = Path(sys.argv[1]), *map(int, sys.argv[2:])
    os.environ["WORLD_SIZE"] = str(world_size)
    dist.init_process_group("gloo", init_method=f"file://{out / 'meeting'}", rank=rank, world_size=world_size)
    save_file(step(convert_sync_batchnorm(model(), torch.device("cpu")), rank, world_size), out / f"{rank}.safetensors")
