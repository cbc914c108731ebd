"BatchNorm over the batch of all processes."

import timm.layers
import torch
import torch.distributed as dist
from torch import Tensor, nn

from .all_reduce import all_reduce_sum


def convert_sync_batchnorm(model: nn.Module, device: torch.device) -> nn.Module:
    """`model` with every `BatchNorm2d` replaced by one that takes its statistics from the images of all processes.

    Parameters and buffers are the same tensors. On a GPU that is torch's own `SyncBatchNorm`; that refuses CPUs, so
    there it is `SyncBatchNorm` of this file.
    """
    if device.type == "cuda": return timm.layers.convert_sync_batchnorm(model)  # torch's, and timm's with an activation
    if type(model) is nn.BatchNorm2d: return SyncBatchNorm.from_batchnorm(model)
    for name, child in model.named_children(): setattr(model, name, convert_sync_batchnorm(child, device))
    return model


class SyncBatchNorm(nn.BatchNorm2d):
    "`nn.SyncBatchNorm` for CPUs, which torch's own refuses. Each process must have as many images as the others."

    @classmethod
    def from_batchnorm(cls, own: nn.BatchNorm2d) -> "SyncBatchNorm":
        "One with the parameters and buffers of `own`."
        layer = cls(own.num_features, own.eps, own.momentum)
        layer.weight, layer.bias = own.weight, own.bias
        for name, buffer in own.named_buffers(): layer.register_buffer(name, buffer)
        return layer.train(own.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training: return super().forward(x)
        wide = x.float()
        count = x.numel() // x.shape[1] * dist.get_world_size()
        shift = self.running_mean.clone()  # near the mean: both moments can be had at once without cancelling out
        centered = wide - shift[:, None, None]
        moments = all_reduce_sum(torch.stack([centered.sum((0, 2, 3)), centered.square().sum((0, 2, 3))])) / count
        mean, variance = shift + moments[0], (moments[1] - moments[0].square()).clamp(min=0)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.addcmul((self.bias - mean * scale)[:, None, None], wide, scale[:, None, None]).to(x.dtype)
