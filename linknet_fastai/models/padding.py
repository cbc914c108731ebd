"Images of any size for a model of a stride: grown by their mirror image at the border, logits cropped back."

import torch
import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    "Images `[B,C,H,W]`, mirrored beyond their lower and right border until `multiple` divides height and width."
    if torch.compiler.is_exporting(): return padded_by_number(images, multiple)
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if not below and not right: return images
    # a reflection can't be longer than the image: what is smaller than that repeats its border
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)


def padded_by_number(images: Tensor, multiple: int) -> Tensor:
    """What `pad_to_multiple` gives, for exports.

    `pad_to_multiple` decides by the size, and an export would keep one image's decision. Here rows and columns are
    chosen by number, which is the same arithmetic for every size.
    """
    height, width = images.shape[-2:]
    full_height, full_width = ((size + multiple - 1) // multiple * multiple for size in (height, width))
    # 0 where both sides are longer than what they grow by, 1 or more where the border is repeated
    too_small = (full_height - height) // height + (full_width - width) // width
    rows, columns = (_sources(size, full, too_small, images.device)
                     for size, full in ((height, full_height), (width, full_width)))
    return images.index_select(-2, rows).index_select(-1, columns)


def _sources(size: int, full: int, too_small: int, device: torch.device) -> Tensor:
    "The number of the row that each of `full` rows is taken from."
    numbers = torch.arange(full, device=device)
    last = size - 1
    return torch.where(torch.full_like(numbers, too_small) > 0, numbers.clamp(max=last), last - (numbers - last).abs())


def crop(logits: Tensor, size: tuple[int, int]) -> Tensor:
    "The upper left `size` (height, width) of `[B,C,H,W]`."
    return logits[..., :size[0], :size[1]]
