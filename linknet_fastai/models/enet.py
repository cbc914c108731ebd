"ENet (arXiv 1606.02147): an early, small encoder of bottlenecks and a smaller decoder."

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .padding import crop, pad_to_multiple
from .pixels import input_norm

STRIDE = 8
INITIAL_CHANNELS = 16  # of the first layer's features, the image's own channels among them
SMALLER = 4  # a bottleneck works with a quarter of the channels that it makes
ENCODER_HEAD = "encoder_head."  # what the names of its parameters begin with
EARLY_DROPOUT, DROPOUT = 0.01, 0.1  # before bottleneck 2.0, and from it on (sec. 4)


def norm_act(channels: int) -> list[nn.Module]:
    "BatchNorm and PReLU, of a slope a channel."
    return [nn.BatchNorm2d(channels), nn.PReLU(channels)]


def conv(in_channels: int, out_channels: int, kernel_size=1, **options) -> nn.Conv2d:
    "A convolution without bias, as all projections are (sec. 3); `options` are `nn.Conv2d`'s."
    return nn.Conv2d(in_channels, out_channels, kernel_size, bias=False, **options)


class Initial(nn.Module):
    "`[B,C,H,W]` to `[B,16,H/2,W/2]`: 16 - C filters, and the image itself, pooled (fig. 2a)."

    def __init__(self, in_channels: int, channels: int = INITIAL_CHANNELS):
        super().__init__()
        self.conv = conv(in_channels, channels - in_channels, 3, stride=2, padding=1)
        self.norm_act = nn.Sequential(*norm_act(channels))

    def forward(self, images: Tensor) -> Tensor:
        return self.norm_act(torch.cat([self.conv(images), F.max_pool2d(images, 2)], dim=1))


class Bottleneck(nn.Module):
    "`[B,n,H,W]` to the same: 1x1 to n/4, `middle`, 1x1 back, dropout, added to what came in (fig. 2b)."

    def __init__(self, channels: int, dropout: float, middle: list[nn.Module] | None = None):
        super().__init__()
        inner = channels // SMALLER
        middle = middle or [conv(inner, inner, 3, padding=1)]
        self.branch = nn.Sequential(conv(channels, inner), *norm_act(inner), *middle, *norm_act(inner),
                                    conv(inner, channels), nn.BatchNorm2d(channels), nn.Dropout2d(dropout))
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x + self.branch(x))


def dilated(channels: int, dilation: int) -> Bottleneck:
    "A `Bottleneck` around a dilated convolution 3x3."
    inner = channels // SMALLER
    return Bottleneck(channels, DROPOUT, [conv(inner, inner, 3, padding=dilation, dilation=dilation)])


def asymmetric(channels: int) -> Bottleneck:
    "A `Bottleneck` around a convolution 5x1 and one of 1x5."
    inner = channels // SMALLER
    return Bottleneck(channels, DROPOUT, [conv(inner, inner, (5, 1), padding=(2, 0)),
                                          conv(inner, inner, (1, 5), padding=(0, 2))])


class Down(nn.Module):
    """`[B,m,H,W]` to `[B,n,H/2,W/2]` and the indices of the pooled maxima.

    What is pooled is padded with zero channels.
    """

    def __init__(self, in_channels: int, out_channels: int, dropout: float):
        super().__init__()
        inner = out_channels // SMALLER
        self.added_channels = out_channels - in_channels
        self.branch = nn.Sequential(
            conv(in_channels, inner, 2, stride=2), *norm_act(inner),
            conv(inner, inner, 3, padding=1), *norm_act(inner),
            conv(inner, out_channels), nn.BatchNorm2d(out_channels), nn.Dropout2d(dropout))
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled, indices = F.max_pool2d(x, 2, return_indices=True)
        return self.act(F.pad(pooled, (0, 0, 0, 0, 0, self.added_channels)) + self.branch(x)), indices


class Up(nn.Module):
    "`[B,m,H,W]` to `[B,n,2H,2W]`, unpooled with a `Down`'s indices."

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        inner = out_channels // SMALLER
        self.main = nn.Sequential(conv(in_channels, out_channels), nn.BatchNorm2d(out_channels))
        self.branch = nn.Sequential(
            conv(in_channels, inner), *norm_act(inner),
            nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1, bias=False), *norm_act(inner),
            conv(inner, out_channels), nn.BatchNorm2d(out_channels), nn.Dropout2d(DROPOUT))
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor, indices: Tensor) -> Tensor:
        return self.act(F.max_unpool2d(self.main(x), indices, 2) + self.branch(x))


def context(channels: int = 128) -> list[Bottleneck]:
    "Bottlenecks 2.1 to 2.8 of table 1: plain, dilated and asymmetric ones in turn."
    return [Bottleneck(channels, DROPOUT), dilated(channels, 2), asymmetric(channels), dilated(channels, 4),
            Bottleneck(channels, DROPOUT), dilated(channels, 8), asymmetric(channels), dilated(channels, 16)]


class ENetEncoder(nn.Module):
    "Images to `[B,128,H/8,W/8]` and the indices of both poolings (table 1, stages 1 to 3)."

    def __init__(self, in_channels: int):
        super().__init__()
        self.initial = Initial(in_channels)
        self.down1 = Down(INITIAL_CHANNELS, 64, EARLY_DROPOUT)
        self.stage1 = nn.Sequential(*(Bottleneck(64, EARLY_DROPOUT) for _ in range(4)))
        self.down2 = Down(64, 128, DROPOUT)
        self.stage2 = nn.Sequential(*context())
        self.stage3 = nn.Sequential(*context())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, first = self.down1(self.initial(images))
        x, second = self.down2(self.stage1(x))
        return self.stage3(self.stage2(x)), first, second


class ENet(nn.Module):
    """Images `[B,C,H,W]`, normalized, of any size, to logits `[B,num_classes,H,W]`.

    With `instance_norm` each image is normalized by itself first. The paper trains the encoder first (sec. 5). After
    `add_encoder_head`, while `encoder_only` is true, a training step sees the head's logits, each of a region of 8x8
    pixels.
    """

    encoder_only = False

    def __init__(self, num_classes: int, in_channels: int = 3, instance_norm: bool = False):
        super().__init__()
        self.norm = input_norm(instance_norm)
        self.encoder, self.num_classes, self.stride = ENetEncoder(in_channels), num_classes, STRIDE
        self.up4 = Up(128, 64)
        self.stage4 = nn.Sequential(*(Bottleneck(64, DROPOUT) for _ in range(2)))
        self.up5 = Up(64, 16)
        self.stage5 = Bottleneck(16, DROPOUT)
        self.head = nn.ConvTranspose2d(16, num_classes, 3, stride=2, padding=1, output_padding=1, bias=False)

    def add_encoder_head(self):
        "What the encoder's features are classified by while it is trained alone; no file of a trained model has it."
        self.encoder_head = nn.Conv2d(128, self.num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x, first, second = self.encoder(pad_to_multiple(self.norm(images), self.stride))
        if self.encoder_only and self.training:
            return crop(F.interpolate(self.encoder_head(x), scale_factor=self.stride), images.shape[-2:])
        x = self.stage4(self.up4(x, second))
        x = self.stage5(self.up5(x, first))
        return crop(self.head(x), images.shape[-2:])
