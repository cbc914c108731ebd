"Sums and maxima over the processes of one training."

import torch
import torch.distributed as dist
from torch import Tensor

from .distributed import communication_device, world_size


class _AllReduceSum(torch.autograd.Function):
    "A sum over processes that has a gradient; torch's own public one is deprecated for a private one."

    @staticmethod
    def forward(context, tensor: Tensor) -> Tensor: return _sum(tensor)

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor: return _sum(gradient)


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """The sum of every process's `tensor`, the same in each; its gradient is the sum of theirs.

    In a training of one process `tensor` itself.
    """
    return tensor if world_size() == 1 else _AllReduceSum.apply(tensor)


def all_reduce_max(value: int) -> int:
    "The highest of every process's `value`."
    if world_size() == 1: return value
    highest = torch.tensor(value, device=communication_device())
    dist.all_reduce(highest, dist.ReduceOp.MAX)
    return int(highest)


def _sum(tensor: Tensor) -> Tensor:
    total = tensor.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total
