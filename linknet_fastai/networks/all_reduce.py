"A sum over processes that gradients flow through."

import torch
import torch.distributed as dist
from torch import Tensor


class SumOverProcesses(torch.autograd.Function):
    "torch's public one is deprecated for a private one."

    @staticmethod
    def forward(context, part: Tensor) -> Tensor: return _sum(part)

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor: return _sum(gradient)


def sum_over_processes(part: Tensor) -> Tensor:
    "The same in each; its gradient is the sum of theirs."
    return SumOverProcesses.apply(part)


def _sum(part: Tensor) -> Tensor:
    whole = part.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(whole)
    return whole
