"Which device and number format a machine trains fastest in."

from dataclasses import dataclass

import torch

from ..errors import UserError, check_choice, counted

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
DEVICES = ("cpu", "cuda", "mps")
IMAGES_ON_GPU = 8  # at once


@dataclass(frozen=True)
class Machine:
    "Where a model runs, in which number format (`bf16`, `fp16` or `fp32`), and whether through `torch.compile`."

    device: torch.device
    precision: str
    compile: bool = False

    @classmethod
    def choose(cls, device: str | None = None, precision: str | None = None, compile: bool = False) -> "Machine":
        """The device and precision of these names, or the best that this machine has.

        Args:
            device: `cpu`, `cuda`, `cuda:N` or `mps`.
            precision: one of `DTYPES`.
            compile: whether models run through `torch.compile`.

        Raises `UserError` for what is unknown, or isn't on this machine.
        """
        chosen = _device(device or _best_device())
        if precision is None: precision = _best_precision(chosen)
        check_choice("precision", precision, DTYPES)
        if precision == "fp16" and chosen.type != "cuda":
            raise UserError(f"fp16 needs a CUDA GPU, this runs on {chosen.type}; use bf16 or fp32.")
        return cls(chosen, precision, compile)

    @property
    def dtype(self) -> torch.dtype:
        "The number format of convolutions."
        return DTYPES[self.precision]

    def __str__(self) -> str:
        name = counted(torch.get_num_threads(), "thread")
        if self.device.type == "cuda": name = torch.cuda.get_device_name(self.device)
        return f"{self.device} ({name}), {self.precision}{', compiled' if self.compile else ''}"


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _device(name: str) -> torch.device:
    check_choice("device", name.partition(":")[0], DEVICES)
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
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


def images_at_once(device: torch.device) -> int:
    "How many images, or tiles, are best predicted together: on a CPU several take as long as one after the other."
    return IMAGES_ON_GPU if device.type == "cuda" else 1
