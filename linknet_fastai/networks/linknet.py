"LinkNet (arXiv 1707.03718): an encoder from timm, a light decoder, and a link from each stage to the one beside it."

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from ..errors import UserError
from .encoder import Encoder, build_encoder
from .padding import crop, pad_to_multiple
from .upsampling import UPSAMPLING

HEAD_WIDTH = 32  # fig. 1: the two last layers before the classes

Upsample = Callable[..., nn.Module]


def norm_act(width: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]


class DecoderBlock(nn.Sequential):
    """`[B,m,H,W]` to `[B,n,2H,2W]`, or `[B,n,H,W]` without `double` (fig. 3).

    1x1 to m/4, full convolution 3x3, 1x1 to n, each with BatchNorm and ReLU.
    """

    def __init__(self, width_in: int, width_out: int, upsample: Upsample, double: bool = True):
        middle = width_in // 4
        full = upsample(middle, middle) if double else nn.ConvTranspose2d(middle, middle, 3, padding=1, bias=False)
        super().__init__(
            nn.Conv2d(width_in, middle, 1, bias=False), *norm_act(middle),
            full, *norm_act(middle),
            nn.Conv2d(middle, width_out, 1, bias=False), *norm_act(width_out))


class Head(nn.Sequential):
    "`[B,m,H,W]` to logits `[B,classes,4H,4W]` (fig. 1: full convolution, convolution, full convolution)."

    def __init__(self, width_in: int, classes: int, upsample: Upsample):
        super().__init__(
            upsample(width_in, HEAD_WIDTH), *norm_act(HEAD_WIDTH),
            nn.Conv2d(HEAD_WIDTH, HEAD_WIDTH, 3, padding=1, bias=False), *norm_act(HEAD_WIDTH),
            upsample(HEAD_WIDTH, classes, kernel=2, bias=True))


class LinkNet(nn.Module):
    """Images `[B,3,H,W]`, normalised, of any size, to logits `[B,classes,H,W]`.

    The input of each encoder stage is added to the output of the decoder block beside it.
    """

    def __init__(self, encoder: Encoder, classes: int, upsample: Upsample):
        super().__init__()
        self.encoder, self.classes = encoder, classes
        links = list(zip(encoder.widths[1:], encoder.widths, encoder.strides[1:], encoder.strides))
        self.decoder = nn.ModuleList(
            DecoderBlock(width, link_width, upsample, double=stride > link_stride)
            for width, link_width, stride, link_stride in reversed(links))
        self.head = Head(encoder.widths[0], classes, upsample)

    def forward(self, images: Tensor) -> Tensor:
        size = images.shape[-2:]
        *links, x = self.encoder(pad_to_multiple(images, self.encoder.strides[-1]))
        for block, link in zip(self.decoder, reversed(links)):
            x = block(x) + link
        return crop(self.head(x), size)


def linknet(classes: int, encoder: str = "resnet18", weights: str | Path = "imagenet", upsample: str = "deconv") -> LinkNet:
    "LinkNet for `classes` classes, from the names of its parts; `weights` as for `build_encoder`."
    if upsample not in UPSAMPLING:
        raise UserError(f"upsampling {upsample!r} is unknown; there are {', '.join(UPSAMPLING)}.")
    return LinkNet(build_encoder(encoder, weights), classes, UPSAMPLING[upsample])
