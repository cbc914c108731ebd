"Any image size into a model whose stride divides only some: reflect at the borders, crop the answer back."

import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    "`[B,C,H,W]` grown at its lower and right border until `multiple` divides both sides."
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if not below and not right: return images
    # a reflection can't be longer than the image: what is smaller than that repeats its border
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)


def crop(logits: Tensor, size: tuple[int, int]) -> Tensor:
    "The first `size` (height, width) of `[B,C,H,W]`."
    return logits[..., :size[0], :size[1]]
