"Images of any size for a model of a stride: grown by their mirror image at the border, logits cropped back."

import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    "Images `[B,C,H,W]`, mirrored beyond their lower and right border until `multiple` divides height and width."
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if not below and not right: return images
    # a reflection can't be longer than the image: what is smaller than that repeats its border
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)


def crop(logits: Tensor, size: tuple[int, int]) -> Tensor:
    "The upper left `size` (height, width) of `[B,C,H,W]`."
    return logits[..., :size[0], :size[1]]
