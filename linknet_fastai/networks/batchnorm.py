"BatchNorm over the batch of all processes."

import torch
import torch.distributed as dist
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn

from .all_reduce import sum_over_processes


def share_statistics(model: nn.Module, device: torch.device):
    "In training, every BatchNorm of `model` takes its statistics from the pictures of all processes."
    if device.type == "cuda": return convert_sync_batchnorm(model)  # torch's own, and timm's with an activation
    for module in model.modules():
        if type(module) is nn.BatchNorm2d: module.__class__ = SharedBatchNorm2d


class SharedBatchNorm2d(nn.BatchNorm2d):
    "`nn.SyncBatchNorm` for a CPU, which that refuses. Each process has as many pictures as the others."

    def forward(self, x: Tensor) -> Tensor:
        if not self.training: return super().forward(x)
        wide = x.float()
        count = x.numel() // x.shape[1] * dist.get_world_size()
        shift = self.running_mean.clone()  # near the mean, so that both moments can be had at once without cancelling out
        centred = wide - shift[:, None, None]
        moments = sum_over_processes(torch.stack([centred.sum((0, 2, 3)), centred.square().sum((0, 2, 3))])) / count
        mean, variance = shift + moments[0], (moments[1] - moments[0].square()).clamp(min=0)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.addcmul((self.bias - mean * scale)[:, None, None], wide, scale[:, None, None]).to(x.dtype)
