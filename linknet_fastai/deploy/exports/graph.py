"A trained model as one graph from an image's pixels to logits or classes: nothing is left to be done outside."

from collections.abc import Sequence

import torch
from torch import Tensor, nn

BLACK_TO_WHITE = 255  # of uint8 pixels


class ImageGraph(nn.Module):
    """Pixels `[N,H,W,C]` of any size and batch to logits `[N,num_classes,H,W]`, or to classes uint8 `[N,H,W]`.

    Pixels are uint8, or floats from 0 to 1. Normalization, padding and cropping are within.

    Args:
        model: images `[N,C,H,W]`, normalized, of whole `stride`s, to logits `[N,num_classes,H,W]`.
        mean: of each channel in 0..1.
        std: of each channel.
        stride: what height and width of the model's images are multiples of.
        takes_floats: whether pixels are floats.
        gives_classes: whether it ends in classes.
    """

    def __init__(self, model: nn.Module, mean: Sequence[float], std: Sequence[float], stride: int,
                 takes_floats: bool = False, gives_classes: bool = False):
        super().__init__()
        self.model, self.stride = model, stride
        self.takes_floats, self.gives_classes = takes_floats, gives_classes
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        _, height, width, _ = pixels.shape
        logits = self.model(self._normalized(mirrored(pixels, self.stride)))[..., :height, :width]
        return logits.argmax(1).to(torch.uint8) if self.gives_classes else logits

    def _normalized(self, pixels: Tensor) -> Tensor:
        images = pixels.permute(0, 3, 1, 2)
        if not self.takes_floats: images = images.float() / BLACK_TO_WHITE
        return (images - self.mean) / self.std


def mirrored(pixels: Tensor, multiple: int) -> Tensor:
    """Pixels `[N,H,W,C]`, grown below and at the right as `pad_to_multiple` does it, whatever their size.

    `pad_to_multiple` decides by the size, and an export would keep one image's decision. Here rows and columns are
    chosen by number, which is the same arithmetic for every size.
    """
    height, width = pixels.shape[1:3]
    full_height, full_width = ((size + multiple - 1) // multiple * multiple for size in (height, width))
    # 0 where both sides are longer than what they grow by, 1 or more where the border is repeated
    too_small = (full_height - height) // height + (full_width - width) // width
    rows, columns = (_sources(size, full, too_small, pixels.device)
                     for size, full in ((height, full_height), (width, full_width)))
    return pixels.index_select(1, rows).index_select(2, columns)


def _sources(size: int, full: int, too_small: int, device: torch.device) -> Tensor:
    "The number of the row that each of `full` rows is taken from."
    numbers = torch.arange(full, device=device)
    last = size - 1
    return torch.where(torch.full_like(numbers, too_small) > 0, numbers.clamp(max=last), last - (numbers - last).abs())
