"SegNet (arXiv 1511.00561): VGG-16's convolutions, and a decoder that puts back each maximum where it was found."

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from .encoder import pretrained_features
from .padding import crop, pad_to_multiple
from .pixels import input_norm

VGG = "vgg16_bn"
LAST, STRIDE = 5, 32  # timm's feature after the fifth pooling


def conv_norm_act(in_channels: int, out_channels: int) -> list[nn.Module]:
    "A convolution 3x3, BatchNorm and ReLU."
    return [nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]


class SegNet(nn.Module):
    """Images `[B,C,H,W]`, normalized, of any size, to logits `[B,num_classes,H,W]`.

    `encoder` are stages of convolutions that are each followed by a max-pooling. The decoder mirrors them: each of its
    stages unpools with the indices of the encoder's beside it (fig. 2 and 3). With `instance_norm` each image is
    normalized by itself first.
    """

    def __init__(self, encoder: nn.ModuleList, num_classes: int, instance_norm: bool = False):
        super().__init__()
        self.norm = input_norm(instance_norm)
        self.encoder, self.num_classes, self.stride = encoder, num_classes, STRIDE
        convolutions = [[layer for layer in stage if isinstance(layer, nn.Conv2d)] for stage in encoder]
        self.decoder = nn.ModuleList(_mirrored(stage) for stage in reversed(convolutions))
        *layers, last, _, _ = self.decoder[-1]
        classifier = nn.Conv2d(last.in_channels, num_classes, 3, padding=1)
        self.decoder[-1] = nn.Sequential(*layers, classifier)

    def forward(self, images: Tensor) -> Tensor:
        x, pooled = pad_to_multiple(self.norm(images), self.stride), []
        for stage in self.encoder:
            x, indices = F.max_pool2d(stage(x), 2, return_indices=True)
            pooled.append(indices)
        for stage, indices in zip(self.decoder, reversed(pooled)):
            x = stage(F.max_unpool2d(x, indices, 2))
        return crop(x, images.shape[-2:])


def _mirrored(convolutions: list[nn.Conv2d]) -> nn.Sequential:
    "A stage's convolutions backwards, each from the channels that it makes to those that it takes."
    layers = [conv_norm_act(each.out_channels, each.in_channels) for each in reversed(convolutions)]
    return nn.Sequential(*(layer for group in layers for layer in group))


def segnet(num_classes: int, weights: str | Path = "imagenet", in_channels: int = 3,
           instance_norm: bool = False) -> SegNet:
    """SegNet for `num_classes` classes and images of `in_channels`.

    `weights` are those of timm's `vgg16_bn`, and errors, as for `create_encoder`. With `instance_norm` each image is
    normalized by itself first.
    """
    return SegNet(_stages(pretrained_features(VGG, weights, (LAST,), in_channels)), num_classes, instance_norm)


def _stages(layers: nn.ModuleDict) -> nn.ModuleList:
    "What stands between the poolings."
    stages = [[]]
    for layer in layers.values():
        if isinstance(layer, nn.MaxPool2d): stages.append([])
        else: stages[-1].append(layer)
    return nn.ModuleList(nn.Sequential(*stage) for stage in stages if stage)
