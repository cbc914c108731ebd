"Two ways to double a feature map's size: a strided deconvolution and a sub-pixel convolution."

from fastai.layers import PixelShuffle_ICNR
from torch import nn


def deconvolution(width_in: int, width_out: int, kernel: int = 3, bias: bool = False) -> nn.Module:
    "Full convolution of stride 2: `[B,width_in,H,W]` to `[B,width_out,2H,2W]` (LinkNet, arXiv 1707.03718, fig. 3)."
    padding = (kernel - 1) // 2
    return nn.ConvTranspose2d(width_in, width_out, kernel, stride=2, padding=padding,
                              output_padding=kernel % 2, bias=bias)


def subpixel(width_in: int, width_out: int, kernel: int = 3, bias: bool = False) -> nn.Module:
    """1x1 convolution to four times the width, shuffled to twice the size (arXiv 1609.05158), ICNR start (1707.02937).

    `kernel` and `bias` are `deconvolution`'s; fastai's layer has a kernel of 1 and always a bias.
    """
    return PixelShuffle_ICNR(width_in, width_out, norm_type=None, act_cls=None)


UPSAMPLING = {"deconv": deconvolution, "subpixel": subpixel}
