"A model in the machine's number format and memory layout."

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import Note
from ..runtime.device import Machine
from ..runtime.malloc import disable_malloc_trim


class AutocastModel(nn.Module):
    """`model` computing in the machine's number format, channels-last; its logits come out in fp32.

    fastai's `MixedPrecision` opens `autocast("cuda")` whatever the device, and leaves it open when a forward fails:
    here the autocast is the forward's own. It is an ordinary module, so that `deepcopy`, `AveragedModel`, pickle and
    `torch.export` see one.
    """

    def __init__(self, model: nn.Module, machine: Machine):
        super().__init__()
        self.model, self.machine = model, machine
        self._compiled: Callable[[Tensor], Tensor] | None = None

    def forward(self, images: Tensor) -> Tensor:
        "Images `[B,C,H,W]`, normalized, to logits `[B,C,H,W]`."
        if type(images) is not Tensor and not torch.compiler.is_exporting():
            images = images.as_subclass(Tensor)  # fastai's subclasses are slow in a network
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, self.machine.dtype, enabled=self.machine.dtype != torch.float32):
            logits = self._compiled_forward(images) if self.machine.compile else self.model(images)
        return logits.float()

    def _compiled_forward(self, images: Tensor) -> Tensor:
        "Through `torch.compile`; as it is, with a warning that says why, where that fails."
        from torch._dynamo.exc import TorchDynamoException  # takes more than a second to import
        if self._compiled is None: self._compiled = torch.compile(self.model.forward)
        try: return self._compiled(images)
        except TorchDynamoException as error:
            if self._compiled == self.model.forward: raise
            reason = str(error).strip().splitlines()[0]
            warnings.warn(Note(f"torch.compile failed ({reason}), so the model runs without it"), stacklevel=2)
            self._compiled = self.model.forward
            return self.model(images)

    def __getstate__(self) -> dict:
        "A copy compiles its own: what was compiled computes with this one's weights."
        return super().__getstate__() | {"_compiled": None}


def autocast_model(model: nn.Module, machine: Machine) -> AutocastModel:
    "`model`, moved to the machine's device, channels-last, as an `AutocastModel`."
    if machine.device.type == "cpu": disable_malloc_trim()
    return AutocastModel(model.to(machine.device, memory_format=torch.channels_last), machine)


def plain_model(model: nn.Module) -> nn.Module:
    "What an `AutocastModel` holds, also within `DistributedDataParallel`; any other model as it is."
    if isinstance(model, nn.parallel.DistributedDataParallel): model = model.module
    return model.model if isinstance(model, AutocastModel) else model
