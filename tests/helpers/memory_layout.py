"How tensors lie in memory."

from fastai.callback.core import Callback
from torch import Tensor


def layout(tensor: Tensor) -> list[int]:
    "The strides of the sides that are longer than 1: those of the others are arbitrary."
    return [stride for stride, side in zip(tensor.stride(), tensor.shape) if side > 1]


class SameLayout(Callback):
    """Gradients, and what the optimizer keeps, lie as their parameters do.

    torch's fused AdamW takes it for granted on a CPU, and updates wrongly in silence where it isn't so.
    """

    order, checked = 85, 0

    def before_step(self):
        for name, value in self.model.named_parameters():
            if value.grad is not None: assert layout(value.grad) == layout(value), name

    def after_step(self):
        for value, kept in self.opt.opt.state.items():
            for tensor in kept.values():
                if tensor.shape == value.shape: assert layout(tensor) == layout(value)
                self.checked += 1
