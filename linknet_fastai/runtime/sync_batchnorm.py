"BatchNorm over the batch of all processes."

import timm.layers
import torch
import torch.distributed as dist
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import UserError
from .all_reduce import all_reduce_sum


def convert_sync_batchnorm(model: nn.Module, device: torch.device) -> nn.Module:
    """`model` with every BatchNorm replaced by one that takes its statistics from the images of all processes.

    Parameters and buffers are the same tensors. On a GPU that is torch's own `SyncBatchNorm`, or timm's for one with an
    activation; these refuse CPUs, so there it is `SyncBatchNorm` or `SyncBatchNormAct` of this file. `UserError` as for
    `check_sync_batchnorm`.
    """
    check_sync_batchnorm(model, device)
    return timm.layers.convert_sync_batchnorm(model) if device.type == "cuda" else _converted(model)


def check_sync_batchnorm(model: nn.Module, device: torch.device):
    "`UserError` for a layer that would go on to keep the statistics of each process's own images."
    for name, layer in model.named_modules():
        has_statistics = isinstance(layer, _BatchNorm) or getattr(layer, "running_var", None) is not None
        if has_statistics and not _can_be_converted(layer, device):
            raise UserError(f"the layer {name} is a {type(layer).__name__} whose statistics can't be those of several "
                            "processes; use one process, or another `--encoder`.")


def _can_be_converted(layer: nn.Module, device: torch.device) -> bool:
    if device.type == "cuda": return isinstance(layer, _BatchNorm)
    if isinstance(layer, SyncBatchNorm): return True
    if type(layer) not in (nn.BatchNorm2d, BatchNormAct2d): return False
    return layer.affine and layer.track_running_stats and layer.momentum is not None


def _converted(model: nn.Module) -> nn.Module:
    if type(model) is nn.BatchNorm2d: return SyncBatchNorm.from_batchnorm(model)
    if type(model) is BatchNormAct2d: return SyncBatchNormAct.from_batchnorm(model)
    for name, child in model.named_children(): setattr(model, name, _converted(child))
    return model


class SyncBatchNorm(nn.BatchNorm2d):
    "`nn.SyncBatchNorm` for CPUs, which torch's own refuses. Each process must have as many images as the others."

    @classmethod
    def from_batchnorm(cls, own: nn.BatchNorm2d) -> "SyncBatchNorm":
        "One with the parameters and buffers of `own`."
        layer = cls(own.num_features, own.eps, own.momentum)
        layer.weight, layer.bias = own.weight, own.bias
        for name, buffer in own.named_buffers(recurse=False): layer.register_buffer(name, buffer)
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


class SyncBatchNormAct(SyncBatchNorm):
    "timm's layer of that name for CPUs: with what `BatchNormAct2d` does to the normalized values, `drop` and `act`."

    @classmethod
    def from_batchnorm(cls, own: BatchNormAct2d) -> "SyncBatchNormAct":
        "One with the parameters, the buffers and the activation of `own`."
        layer = super().from_batchnorm(own)
        layer.drop, layer.act = own.drop, own.act
        return layer

    def forward(self, x: Tensor) -> Tensor: return self.act(self.drop(super().forward(x)))
