"Test-time augmentation: predictions from several views of an image, turned back."

import torch
from torch import Tensor, nn

from .confusion import resize_logits
from .views import VIEWS


class Mirrored(nn.Module):
    "A model's logits `[B,C,H,W]` of each image's mirror image, turned back."

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images.flip(-1)).flip(-1)


class MeanOfViews(nn.Module):
    """A model's log probabilities `[B,C,H,W]`: of the mean over the views of each image that `tta` names.

    fastai's `tta` averages views that show different pixels: sound for one label an image, not for a mask.
    """

    def __init__(self, model: nn.Module, tta: str):
        super().__init__()
        self.model, self.mirrored, self.sizes = model, Mirrored(model), VIEWS[tta]

    def forward(self, images: Tensor) -> Tensor:
        views = [(model, size) for size in self.sizes for model in (self.model, self.mirrored)]
        mean = sum(self._probabilities(model, images, size) for model, size in views) / len(views)
        return mean.clamp(min=torch.finfo(mean.dtype).tiny).log()

    def _probabilities(self, model: nn.Module, images: Tensor, size: float) -> Tensor:
        "Of images seen at `size` times their size, at their own."
        height, width = images.shape[-2:]
        seen = resize_logits(images, (round(size * height), round(size * width)))
        return resize_logits(model(seen), (height, width)).softmax(1)
