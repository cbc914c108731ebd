"Which number format and memory layout a machine trains fastest in, and a model that uses them."

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import torch
from torch import Tensor, nn

from ..errors import UserError
from .memory import keep_freed_memory

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True)
class Machine:
    "Where a network runs, and in which number format."

    device: torch.device
    precision: str
    compile: bool = False

    @classmethod
    def choose(cls, device: str | None = None, precision: str | None = None, compile: bool = False) -> "Machine":
        "What is named, and the best of this machine for what isn't; `UserError` for what it doesn't have."
        chosen = _device(device or _best_device())
        if precision is None: precision = _best_precision(chosen)
        if precision not in DTYPES: raise UserError(f"precision {precision!r} is unknown; use {', '.join(DTYPES)}.")
        if precision == "fp16" and chosen.type != "cuda":
            raise UserError(f"fp16 needs a CUDA GPU, this runs on {chosen.type}; use bf16 or fp32.")
        return cls(chosen, precision, compile)

    def __str__(self) -> str:
        threads = torch.get_num_threads()
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else f"{threads} thread{'s' * (threads > 1)}"
        return f"{self.device} ({name}), {self.precision}{', compiled' if self.compile else ''}"


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _device(name: str) -> torch.device:
    try: device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device {name!r} is unknown to torch; use cpu, cuda or mps.") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise UserError(f"device {name!r} is not one that this program knows; use cpu, cuda or mps.")
    try: torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(f"device {name!r} is not on this machine; leave `--device` out to use the best one.") from error
    return device


def _best_precision(device: torch.device) -> str:
    "bf16 where the processor has it natively, fp16 on older GPUs, fp32 elsewhere."
    if device.type == "cuda": return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    return "bf16" if device.type == "cpu" and _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def prepare(model: nn.Module, machine: Machine) -> nn.Module:
    """`model` on the machine's device, channels-last, its forward in the machine's precision, its logits in fp32.

    fastai's `MixedPrecision` opens `autocast("cuda")` whatever the device, and leaves it open when a forward fails:
    here the autocast is the forward's own. fastai's tensor subclasses, slow in a network, are cast away.
    """
    if machine.device.type == "cpu": keep_freed_memory()
    model.to(machine.device, memory_format=torch.channels_last)
    forward, dtype = compiled(model.forward) if machine.compile else model.forward, DTYPES[machine.precision]

    @wraps(forward)
    def mixed(images: Tensor) -> Tensor:
        images = images.as_subclass(Tensor).contiguous(memory_format=torch.channels_last)
        with torch.autocast(machine.device.type, dtype, enabled=dtype != torch.float32): logits = forward(images)
        return logits.float()

    model.forward = mixed
    return model


def compiled(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    "`forward` through `torch.compile`; as it was, with one line that says why, where that fails."
    from torch._dynamo.exc import TorchDynamoException  # takes more than a second to import
    current = torch.compile(forward)

    def attempt(images: Tensor) -> Tensor:
        nonlocal current
        try: return current(images)
        except TorchDynamoException as error:
            if current is forward: raise
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"torch.compile failed ({reason}), so the network runs without it", stacklevel=2)
            current = forward
            return forward(images)
    return attempt
