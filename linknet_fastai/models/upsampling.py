"Two ways to double a feature map's size: a transposed convolution of stride 2 and a sub-pixel convolution."

from torch import nn


def deconvolution(in_channels: int, out_channels: int, kernel_size: int = 3, bias: bool = False) -> nn.Module:
    """Transposed convolution of stride 2 (LinkNet, arXiv 1707.03718, fig. 3).

    Args:
        in_channels: of the input `[B,in_channels,H,W]`.
        out_channels: of the output `[B,out_channels,2H,2W]`.
        kernel_size: its height and width.
        bias: whether it has one.
    """
    padding = (kernel_size - 1) // 2
    return nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride=2, padding=padding,
                              output_padding=kernel_size % 2, bias=bias)


def subpixel(in_channels: int, out_channels: int, kernel_size: int = 3, bias: bool = False) -> nn.Module:
    """1x1 convolution to four times the channels, shuffled to twice the size (arXiv 1609.05158).

    It starts as nearest-neighbor upsampling (ICNR, arXiv 1707.02937).

    Args:
        in_channels: of the input `[B,in_channels,H,W]`.
        out_channels: of the output `[B,out_channels,2H,2W]`.
        kernel_size: `deconvolution`'s, of no effect: fastai's layer has a kernel of 1.
        bias: `deconvolution`'s, of no effect: fastai's layer always has one.
    """
    from fastai.layers import PixelShuffle_ICNR  # brings pandas and matplotlib, which a predictor has no use for
    return PixelShuffle_ICNR(in_channels, out_channels, norm_type=None, act_cls=None)


UPSAMPLING = {"deconv": deconvolution, "subpixel": subpixel}
