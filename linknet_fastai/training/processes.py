"The processes of one training, as `torchrun` and `accelerate launch` start them, on one machine or many."

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from fastai.torch_core import num_distrib, rank_distrib
from torch import Tensor

from ..errors import Note, UserError
from ..networks.precision import Machine


def processes() -> int:
    "Their number."
    return max(1, num_distrib())


def is_first() -> bool:
    "Whether this process is the one that writes."
    return rank_distrib() == 0


@contextmanager
def connected(machine: Machine) -> Iterator[None]:
    "With the other processes, by gloo on a CPU and NCCL on GPUs."
    if is_left_alone():
        warnings.warn(Note("accelerate was asked for several processes and started this one alone, as it does without GPUs; "
                           "for several pass it `--multi_gpu`, or use torchrun"), stacklevel=2)
    if processes() == 1: return (yield)
    from accelerate import PartialState
    PartialState(cpu=machine.device.type == "cpu")
    try: yield
    except RuntimeError as error:
        if not _is_lost_connection(error): raise
        raise UserError(f"another process of this training is gone ({str(error).splitlines()[0]}); start all of them again, with "
                        "`--resume` and the run's folder.") from error
    finally: dist.destroy_process_group()


def _is_lost_connection(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or "gloo" in str(error).lower()


def is_left_alone() -> bool:
    "Whether `accelerate launch --num_processes N` named a place to meet, and nobody to meet there."
    return "ACCELERATE_DYNAMO_BACKEND" in os.environ and "MASTER_PORT" in os.environ and "WORLD_SIZE" not in os.environ


@contextmanager
def one_first() -> Iterator[None]:
    "On each machine one process goes through the body before its others begin, so that they find its files."
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    if processes() > 1 and not first: dist.barrier()
    yield
    if processes() > 1 and first: dist.barrier()


def highest(value: int) -> int:
    "Of all processes'."
    if processes() == 1: return value
    found = torch.tensor(value, device=connection_device())
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return int(found)


def total(values: Tensor) -> Tensor:
    "The sum over all processes, in place."
    if processes() > 1: dist.all_reduce(values)
    return values


def text_of_first(text: str) -> str:
    "The first process's."
    if processes() == 1: return text
    content = text.encode()
    length = torch.tensor(len(content), device=connection_device())
    dist.broadcast(length, 0)
    letters = torch.zeros(int(length), dtype=torch.uint8, device=connection_device())
    if is_first(): letters.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    dist.broadcast(letters, 0)
    return bytes(letters.tolist()).decode()


def connection_device() -> torch.device:
    "Where tensors must be that processes exchange."
    return torch.device("cpu" if dist.get_backend() == "gloo" else torch.cuda.current_device())
