"A trained model as one graph from an image's pixels to logits or classes: nothing is left to be done outside."

from collections.abc import Sequence

import torch
from torch import Tensor, nn

BLACK_TO_WHITE = 255  # of uint8 pixels


class ImageGraph(nn.Module):
    """Pixels `[N,H,W,C]` of any size and batch to logits `[N,num_classes,H,W]`, or to classes uint8 `[N,H,W]`.

    Pixels are uint8, or floats from 0 to 1. Normalization, padding and cropping are within.

    Args:
        model: images `[N,C,H,W]`, normalized, of any size, to logits `[N,num_classes,H,W]`.
        mean: of each channel in 0..1.
        std: of each channel.
        takes_floats: whether pixels are floats.
        gives_classes: whether it ends in classes.
    """

    def __init__(self, model: nn.Module, mean: Sequence[float], std: Sequence[float], takes_floats: bool = False,
                 gives_classes: bool = False):
        super().__init__()
        self.model, self.takes_floats, self.gives_classes = model, takes_floats, gives_classes
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        images = pixels.permute(0, 3, 1, 2)
        if not self.takes_floats: images = images.float() / BLACK_TO_WHITE
        logits = self.model((images - self.mean) / self.std)
        return logits.argmax(1).to(torch.uint8) if self.gives_classes else logits
