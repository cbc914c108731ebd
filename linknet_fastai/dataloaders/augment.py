"Shear, rotation, translation, scale, flip and jitter for a whole batch, image and mask by one sampling grid."

import math

import torch
import torch.nn.functional as F
from fastai.torch_core import TensorImage, TensorMask
from fasttransform import ItemTransform
from torch import Tensor

from ..images.mask import VOID
from ..recipes import Recipe

WHOLE_STRIDES = 32  # a training crop of a multiple of this needs no padding in the model


class Augment(ItemTransform):
    """Images `[B,C,H,W]` in 0..1 and masks `[B,H,W]` to random views of both, of `size` (height, width).

    fastai's `aug_transforms` know no shear, and fill a mask with class 0 outside the image: here that is void.
    """

    split_idx, order = 0, 20  # training only; after fastai's IntToFloatTensor (10), before its Normalize (99)

    def __init__(self, recipe: Recipe, size: tuple[int, int]):
        super().__init__()
        self.recipe, self.size = recipe, size
        self.is_shifted = recipe.crop is None  # crops lie at random already

    def encodes(self, batch):
        images, masks = batch
        images, masks = images.as_subclass(Tensor), masks.as_subclass(Tensor)
        warp = random_affine(len(images), self.recipe, tuple(images.shape[-2:]), self.size)
        if not self.is_shifted: warp[..., 2] = 0
        warp = warp.to(images.device)
        grid = F.affine_grid(warp, [len(images), 1, *self.size], align_corners=False)
        images = random_jitter(sample_images(images, grid), self.recipe.jitter)
        return TensorImage(images), TensorMask(sample_masks(masks, grid))


def whole_strides(size: tuple[int, int]) -> tuple[int, int]:
    "`size` (height, width), rounded down to multiples of 32."
    return tuple(side // WHOLE_STRIDES * WHOLE_STRIDES for side in size)


def random_affine(n: int, recipe: Recipe, size: tuple[int, int], out: tuple[int, int]) -> Tensor:
    """`n` random transformations `[n,2,3]` for `F.affine_grid`: where each point of an output lies in its input.

    An output smaller than what the zoom makes of the input is a random crop of it.

    Args:
        n: how many, one an image.
        recipe: the ranges of zoom, rotation and shear, and whether images are mirrored.
        size: (height, width) of the input.
        out: (height, width) of the output.
    """
    (height, width), (out_height, out_width) = size, out
    zoom = torch.exp(_uniform(n, *map(math.log, recipe.scale)))  # doubling is as likely as halving
    angle = _uniform(n, -recipe.rotation, recipe.rotation) * math.pi / 180
    shear = _uniform(n, -recipe.shear, recipe.shear)
    mirror = torch.where((torch.rand(n) < 0.5) & recipe.flip, -1.0, 1.0)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    # columns in pixels: rotation x horizontal shear x mirror, divided by the zoom
    x_by_x, x_by_y = cos * mirror, cos * shear - sin
    y_by_x, y_by_y = sin * mirror, sin * shear + cos
    # the output can be shifted by what it doesn't show of the input
    shift_x, shift_y = _random_shift(width, out_width, zoom), _random_shift(height, out_height, zoom)
    rows = [x_by_x * out_width / width, x_by_y * out_height / width, shift_x,
            y_by_x * out_width / height, y_by_y * out_height / height, shift_y]
    return torch.stack(rows, dim=1).view(n, 2, 3)


def _random_shift(length: int, out: int, zoom: Tensor) -> Tensor:
    """Where the middle of an output of `out` pixels lies along the `length` of its input, -1 to 1, for each of `zoom`.

    Without zoom it begins at a whole pixel, each as likely: at a fraction of one all images would be blurred.
    """
    room, place = (length - out / zoom).abs(), torch.rand(len(zoom))
    first = torch.where(zoom == 1, (place * (room + 1)).floor(), place * room)
    return (2 * first - room) / length


def sample_images(images: Tensor, grid: Tensor) -> Tensor:
    "Images `[B,C,H,W]` at the points of `grid` `[B,h,w,2]`, bilinear; mirrored at their borders."
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def sample_masks(masks: Tensor, grid: Tensor) -> Tensor:
    "Masks `[B,H,W]` at the points of `grid` `[B,h,w,2]`, by the nearest pixel; void outside."
    sampled = F.grid_sample(masks[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False)
    inside = (grid.abs() <= 1).all(dim=-1)
    return torch.where(inside, sampled[:, 0].to(masks.dtype), VOID)


def random_jitter(images: Tensor, amount: float) -> Tensor:
    "Images `[B,C,H,W]` in 0..1 with contrast about each one's mean, and brightness, changed by a part up to `amount`."
    contrast, brightness = (_uniform(len(images), -amount, amount).to(images.device)[:, None, None, None]
                            for _ in range(2))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * (1 + contrast) + mean * (1 + brightness)).clamp(0, 1)


def _uniform(n: int, low: float, high: float) -> Tensor:
    return torch.empty(n).uniform_(low, high)
