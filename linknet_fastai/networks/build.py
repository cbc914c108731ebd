"A network by its name."

from pathlib import Path

from torch import nn

from ..errors import UserError
from .enet import ENet
from .linknet import linknet
from .segnet import VGG, segnet

NETWORKS = ("linknet", "segnet", "enet")


def in_words(network: str, encoder: str, weights: str | Path, upsample: str) -> str:
    "What a network is made of, for a line on the terminal."
    if network == "linknet": return f"LinkNet, {encoder} from {weights}, {upsample}"
    return f"SegNet, {VGG} from {weights}" if network == "segnet" else "ENet, from scratch"


def build_network(classes: int, network: str, encoder: str, weights: str | Path, upsample: str) -> nn.Module:
    """One of `NETWORKS` for `classes` classes, with `weights` for its encoder as for `build_encoder`.

    `encoder` and `upsample` are LinkNet's. SegNet's encoder is timm's `vgg16_bn`; ENet starts from scratch, since there are
    no weights for it, and `UserError` says so to a file.
    """
    if network == "linknet": return linknet(classes, encoder, weights, upsample)
    if network == "segnet": return segnet(classes, weights)
    if network != "enet": raise UserError(f"network {network!r} is unknown; there are {', '.join(NETWORKS)}.")
    if str(weights) not in ("imagenet", "none"):
        raise UserError(f"{weights}: ENet takes no weights, it starts from scratch; leave out `--weights`.")
    return ENet(classes)
