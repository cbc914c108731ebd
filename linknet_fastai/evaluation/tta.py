"Test-time augmentation: predictions from an image and its mirror image."

import torch
from torch import Tensor, nn

TTA = ("flip",)


class Mirrored(nn.Module):
    "A model's logits `[B,C,H,W]` of each image's mirror image, turned back."

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images.flip(-1)).flip(-1)


class FlipTTA(nn.Module):
    """A model's log probabilities `[B,C,H,W]`: of the mean over each image and its mirror image.

    fastai's `tta` averages views that show different pixels: sound for one label an image, not for a mask.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.mirrored = model, Mirrored(model)

    def forward(self, images: Tensor) -> Tensor:
        both = self.model(images).softmax(1) + self.mirrored(images).softmax(1)
        return (both / 2).clamp(min=torch.finfo(both.dtype).tiny).log()
