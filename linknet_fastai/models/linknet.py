"LinkNet (arXiv 1707.03718): an encoder from timm, a light decoder, and a skip connection from each stage to its peer."

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from ..errors import check_choice
from .encoder import Encoder, create_encoder
from .padding import crop, pad_to_multiple
from .pixels import input_norm
from .upsampling import UPSAMPLING

HEAD_CHANNELS = 32  # fig. 1: the two last layers before the classes

Upsample = Callable[..., nn.Module]


def norm_act(channels: int) -> list[nn.Module]:
    "BatchNorm and ReLU."
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


class DecoderBlock(nn.Sequential):
    """`[B,m,H,W]` to `[B,n,2H,2W]`, or to `[B,n,H,W]` with a stride of 1 (fig. 3).

    1x1 to m/4, transposed convolution 3x3, 1x1 to n, each with BatchNorm and ReLU.

    Args:
        in_channels: m.
        out_channels: n.
        upsample: makes the layer of stride 2, one of `UPSAMPLING`.
        stride: 2, or 1 for a plain transposed convolution in its place.
    """

    def __init__(self, in_channels: int, out_channels: int, upsample: Upsample, stride: int = 2):
        middle = in_channels // 4
        if stride == 2: transposed = upsample(middle, middle)
        else: transposed = nn.ConvTranspose2d(middle, middle, 3, padding=1, bias=False)
        super().__init__(
            nn.Conv2d(in_channels, middle, 1, bias=False), *norm_act(middle),
            transposed, *norm_act(middle),
            nn.Conv2d(middle, out_channels, 1, bias=False), *norm_act(out_channels))


class Head(nn.Sequential):
    """`[B,m,H,W]` to logits `[B,num_classes,4H,4W]` (fig. 1).

    Transposed convolution, convolution, transposed convolution.
    """

    def __init__(self, in_channels: int, num_classes: int, upsample: Upsample):
        super().__init__(
            upsample(in_channels, HEAD_CHANNELS), *norm_act(HEAD_CHANNELS),
            nn.Conv2d(HEAD_CHANNELS, HEAD_CHANNELS, 3, padding=1, bias=False), *norm_act(HEAD_CHANNELS),
            upsample(HEAD_CHANNELS, num_classes, kernel_size=2, bias=True))


class LinkNet(nn.Module):
    """Images `[B,C,H,W]`, normalized, of any size, to logits `[B,num_classes,H,W]`.

    The input of each encoder stage is added to the output of the decoder block beside it. `upsample` makes the layers
    of stride 2, one of `UPSAMPLING`. With `instance_norm` each image is normalized by itself first.
    """

    def __init__(self, encoder: Encoder, num_classes: int, upsample: Upsample, instance_norm: bool = False):
        super().__init__()
        self.norm = input_norm(instance_norm)
        self.encoder, self.num_classes, self.stride = encoder, num_classes, encoder.strides[-1]
        stages = list(zip(encoder.channels[1:], encoder.channels, encoder.strides[1:], encoder.strides))
        self.decoder = nn.ModuleList(
            DecoderBlock(channels, skip_channels, upsample, stride // skip_stride)
            for channels, skip_channels, stride, skip_stride in reversed(stages))
        self.head = Head(encoder.channels[0], num_classes, upsample)

    def forward(self, images: Tensor) -> Tensor:
        size = images.shape[-2:]
        *skips, x = self.encoder(pad_to_multiple(self.norm(images), self.stride))
        for block, skip in zip(self.decoder, reversed(skips)):
            x = block(x) + skip
        return crop(self.head(x), size)


def linknet(num_classes: int, encoder: str = "resnet18", weights: str | Path = "imagenet",
            upsample: str = "deconv", in_channels: int = 3, instance_norm: bool = False) -> LinkNet:
    """LinkNet from the names of its parts.

    Args:
        num_classes: channels of the logits.
        encoder: a timm model that offers features.
        weights: the encoder's, as for `create_encoder`.
        upsample: `deconv` or `subpixel`.
        in_channels: of the images.
        instance_norm: whether each image is normalized by itself first.

    Raises `UserError` for a name that is unknown, and as `create_encoder`.
    """
    check_choice("upsampling", upsample, UPSAMPLING)
    return LinkNet(create_encoder(encoder, weights, in_channels), num_classes, UPSAMPLING[upsample], instance_norm)
