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
    "`nn.SyncBatchNorm` for a CPU, which that refuses."

    def forward(self, x: Tensor) -> Tensor:
        if not self.training: return super().forward(x)
        wide = x.float()
        count = wide.new_tensor([x.numel() / x.shape[1]])
        dist.all_reduce(count)
        mean = sum_over_processes(wide.sum((0, 2, 3))) / count
        variance = sum_over_processes((wide - mean[:, None, None]).square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.addcmul((self.bias - mean * scale)[:, None, None], wide, scale[:, None, None]).to(x.dtype)
