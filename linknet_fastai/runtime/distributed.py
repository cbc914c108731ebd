"The processes of one training, as `torchrun` and `accelerate launch` start them, on one machine or many."

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from fastai.torch_core import num_distrib, rank_distrib

from ..errors import Note, UserError
from .device import Machine


def world_size() -> int:
    "How many processes train together; 1 for a process of its own."
    return max(1, num_distrib())


def is_main_process() -> bool:
    "Whether this process is the one that writes and prints."
    return rank_distrib() == 0


@contextmanager
def process_group(machine: Machine) -> Iterator[None]:
    """Connect this process with the others meanwhile, by gloo on a CPU and NCCL on GPUs.

    `UserError` where one of them is lost, or GPUs are too few. Nothing happens in a training of one process.
    """
    if is_left_alone():
        warnings.warn(Note("accelerate was asked for several processes and started this one alone, as it does without "
                           "GPUs; for several pass it `--multi_gpu`, or use torchrun"), stacklevel=2)
    if world_size() == 1: return (yield)
    if machine.device.type == "cuda": _check_gpu_each(machine.device)
    from accelerate import PartialState
    PartialState(cpu=machine.device.type == "cpu")
    try: yield
    except RuntimeError as error:
        if not _is_lost_connection(error): raise
        raise UserError(f"another process of this training is gone ({str(error).splitlines()[0]}); start all of them "
                        "again with `linknet-fastai resume` and the run's folder.") from error
    finally:
        dist.destroy_process_group()
        PartialState._reset_state()  # else the next training of this process would find it initialized


def _check_gpu_each(device: torch.device):
    """`UserError` where processes of this machine would share a GPU.

    accelerate has them do so, and NCCL then refuses with a message that names neither cause nor remedy.
    """
    processes, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), torch.cuda.device_count()
    if processes > 1 and device.index is not None:
        raise UserError(f"{processes} processes can't share the device {str(device)!r}; pass `--device cuda`, which "
                        "gives each a GPU of its own.")
    if processes > gpus:
        raise UserError(f"{processes} processes on this machine need a GPU each, and it has {gpus}; start {gpus}, or "
                        "pass `--device cpu`.")


def _is_lost_connection(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or "gloo" in str(error).lower()


def is_left_alone() -> bool:
    "Whether `accelerate launch --num_processes N` started this process alone: with a port, but without a world size."
    return "ACCELERATE_DYNAMO_BACKEND" in os.environ and "MASTER_PORT" in os.environ and "WORLD_SIZE" not in os.environ


@contextmanager
def main_process_first() -> Iterator[None]:
    "One process of each machine runs the body before the others of that machine begin, so that they find its files."
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    if world_size() > 1 and not first: dist.barrier()
    yield
    if world_size() > 1 and first: dist.barrier()


def broadcast_text(text: str) -> str:
    "The main process's `text`, in every process."
    if world_size() == 1: return text
    content = text.encode()
    length = torch.tensor(len(content), device=communication_device())
    dist.broadcast(length, 0)
    letters = torch.zeros(int(length), dtype=torch.uint8, device=communication_device())
    if is_main_process(): letters.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    dist.broadcast(letters, 0)
    return bytes(letters.tolist()).decode()


def communication_device() -> torch.device:
    "The device on which tensors must be to be exchanged by processes."
    return torch.device("cpu" if dist.get_backend() == "gloo" else torch.cuda.current_device())
