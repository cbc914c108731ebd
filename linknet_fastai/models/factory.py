"A model by its name."

from pathlib import Path

from torch import nn

from ..errors import UserError, check_choice
from ..recipes import Recipe
from .enet import INITIAL_CHANNELS, ENet
from .linknet import linknet
from .segnet import VGG, segnet

MODELS = ("linknet", "segnet", "enet")


def create_model(name: str, num_classes: int, encoder: str = "resnet18", weights: str | Path = "imagenet",
                 upsample: str = "deconv", in_channels: int = 3, instance_norm: bool = False) -> nn.Module:
    """One of `MODELS`.

    Args:
        name: `linknet`, `segnet` or `enet`.
        num_classes: channels of its logits.
        encoder: LinkNet's, a timm model. SegNet's is timm's `vgg16_bn`.
        weights: the encoder's, as for `create_encoder`. ENet starts from scratch, since there are no weights for it.
        upsample: LinkNet's, `deconv` or `subpixel`.
        in_channels: of the images.
        instance_norm: whether each image is normalized by itself first.

    Raises `UserError` for a name that is unknown, an encoder that can't serve, and weights that can't be had or don't
    fit.
    """
    check_choice("model", name, MODELS)
    if name == "linknet": return linknet(num_classes, encoder, weights, upsample, in_channels, instance_norm)
    if name == "segnet": return segnet(num_classes, weights, in_channels, instance_norm)
    if str(weights) not in ("imagenet", "none"):
        raise UserError(f"{weights}: ENet takes no weights, it starts from scratch; leave out `--weights`.")
    if in_channels >= INITIAL_CHANNELS:
        raise UserError(f"ENet takes fewer than {INITIAL_CHANNELS} channels, the images have {in_channels}; choose "
                        "another with `--model`.")
    return ENet(num_classes, in_channels, instance_norm)


def untrained_model(recipe: Recipe, num_classes: int, in_channels: int = 3) -> nn.Module:
    "The recipe's model of `num_classes`, from scratch whatever its `weights`, for images of `in_channels`."
    return create_model(recipe.model, num_classes, recipe.encoder, "none", recipe.upsample, in_channels,
                        recipe.instance_norm)


def describe_model(recipe: Recipe) -> str:
    "What the recipe's model is made of and starts from, in one line."
    norm = ", instance norm" if recipe.instance_norm else ""
    if recipe.model == "linknet": return f"LinkNet, {recipe.encoder} from {recipe.weights}, {recipe.upsample}{norm}"
    return (f"SegNet, {VGG} from {recipe.weights}" if recipe.model == "segnet" else "ENet, from scratch") + norm
