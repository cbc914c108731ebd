"Logits to the classes of a larger image, a few rows at a time."

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

STRIP = 1 << 22  # upsampled logits that are in memory at once: those of a whole aerial image are gigabytes


def argmax_upsampled(logits: Tensor, size: tuple[int, int]) -> np.ndarray:
    """The likeliest class of each pixel, uint8 `[H,W]` of `size`, by logits `[C,h,w]` of any other size.

    The same as `F.interpolate(mode="bilinear", align_corners=False)` of the whole and its argmax, but for ties.
    """
    height, width = size
    classes = np.empty(size, dtype=np.uint8)
    step = max(1, STRIP // (len(logits) * width))
    for top in range(0, height, step):
        rows = torch.arange(top, min(top + step, height), device=logits.device)
        strip = _columns(_rows(logits, rows, height), width)
        # `argmax` takes four times as long on a CPU
        classes[top:top + step] = strip.max(0).indices.to(torch.uint8).cpu().numpy()
    return classes


def upsampled(logits: Tensor, size: tuple[int, int]) -> Tensor:
    "Logits `[C,h,w]` at `size` (height, width), float32, as `argmax_upsampled` sees them."
    return _columns(_rows(logits, torch.arange(size[0], device=logits.device), size[0]), size[1])


def _columns(logits: Tensor, width: int) -> Tensor:
    return F.interpolate(logits, width, mode="linear")


def _rows(logits: Tensor, rows: Tensor, height: int) -> Tensor:
    "`[C,r,w]`, float32: rows of the logits `[C,h,w]` as they are once these are `height` rows."
    source = ((rows + 0.5) * (logits.shape[1] / height) - 0.5).clamp(min=0)  # half-pixel centers
    above = source.long()
    below = (above + 1).clamp(max=logits.shape[1] - 1)
    return torch.lerp(logits[:, above].float(), logits[:, below].float(), (source - above)[:, None])
