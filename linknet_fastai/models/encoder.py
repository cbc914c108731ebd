"Any timm model that offers features, as an encoder: what enters each of its stages, and what leaves the last."

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import FeatureListNet
from torch import Tensor, nn

from ..errors import UserError, check_choice
from .hub import hub_file

STEM_STRIDE = 4  # of the paper's stem: a convolution and a max-pool, each of stride 2


class Encoder(nn.Module):
    """Images `[B,C,H,W]`, normalized, to what enters each stage and what leaves the last, shallowest first.

    `channels` and `strides` are those of each of these. timm offers the stem at stride 2, LinkNet's first stage takes
    it in at 4: it is pooled in between. Where an encoder's stem is no feature (ConvNeXt: strides 4, 8, 16, 32), the
    first stage has no skip.
    """

    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body
        self.channels, self.strides = body.feature_info.channels(), body.feature_info.reduction()
        self.pool_stem = self.strides[0] < STEM_STRIDE
        if self.pool_stem:
            self.strides[0] = STEM_STRIDE
            if isinstance(body, FeatureListNet) and "maxpool" in body: self._take_stem_after_its_own_pool()

    def _take_stem_after_its_own_pool(self):
        "A ResNet pools its stem itself: take that, rather than pool a second time."
        taps = self.body.return_layers
        taps["maxpool"] = taps.pop(self.body.feature_info.module_name(0))
        self.pool_stem = False

    def forward(self, images: Tensor) -> list[Tensor]:
        stem, *stages = self.body(images)
        if self.pool_stem: stem = F.max_pool2d(stem, 3, stride=2, padding=1)
        return [stem, *stages]


def create_encoder(name: str, weights: str | Path = "imagenet", in_channels: int = 3) -> Encoder:
    """The timm model `name` as an `Encoder` of images with `in_channels`.

    `weights` is `imagenet` (timm's hub), `none`, or a safetensors file with timm's key names. They are of 3 channels;
    for another number timm makes the first layer of them: their sum for 1, else the three repeated and scaled.
    Raises `UserError` for an encoder that can't serve and for weights that can't be had or don't fit.
    """
    name = timm_name(name)
    encoder = Encoder(pretrained_features(name, weights, _usable_features(name), in_channels))
    _check_shapes(name, encoder, in_channels)
    return encoder


def timm_name(name: str) -> str:
    """timm's own name of an encoder.

    segmentation_models_pytorch's `tu-resnet34` and the hub's `timm/resnet34.a1_in1k` (or `hf_hub:timm/...`) are names
    of the same models. `UserError` for a name that timm doesn't know.
    """
    short = re.sub("^hf[-_]hub:", "", name).removeprefix("timm/").removeprefix("tu-")
    if "/" in short: raise UserError(f"encoder {name!r} is not one of timm's own; pass timm's name, such as resnet34.")
    if not timm.is_model(short): check_choice("encoder", short, timm.list_models())
    return short


def pretrained_features(name: str, weights: str | Path, indices: tuple[int, ...],
                        in_channels: int = 3) -> FeatureListNet:
    "timm's model up to the last of its features `indices`; weights and errors as for `create_encoder`."
    options = dict(features_only=True, out_indices=indices, in_chans=in_channels)
    if str(weights) == "none": return timm.create_model(name, **options)
    file = hub_file(name) if str(weights) == "imagenet" else Path(weights)
    state = dict(state_dict=_read_weights(name, file))
    with _only_errors("timm.models._builder"):  # it warns of keys that no feature needs
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=state, **options)


def _usable_features(name: str) -> tuple[int, ...]:
    "timm's indices of the features of stride 2 and more, which must start at 2 or 4 and double."
    with torch.device("meta"):
        try: body = timm.create_model(name, features_only=True)
        except (RuntimeError, AttributeError, AssertionError) as error:
            raise UserError(f"encoder {name!r} offers no features ({error}); choose another, such as "
                            "resnet18.") from error
    strides = body.feature_info.reduction()
    usable = [i for i, stride in enumerate(strides) if stride >= 2]
    first = strides[usable[0]]
    if first > STEM_STRIDE or [strides[i] for i in usable] != [first * 2**k for k in range(len(usable))]:
        raise UserError(f"encoder {name!r} has features of strides {strides}, LinkNet needs strides that start at "
                        "2 or 4 and double; choose another, such as resnet18.")
    return tuple(body.feature_info.out_indices[i] for i in usable)


def _check_shapes(name: str, encoder: Encoder, in_channels: int):
    "Try the encoder on a small image: some take one size only, or give their channels last."
    height, width = 2 * encoder.strides[-1], 3 * encoder.strides[-1]
    expected = [(1, c, height // s, width // s) for c, s in zip(encoder.channels, encoder.strides)]
    encoder.eval()
    try:
        with torch.no_grad(): shapes = [tuple(f.shape) for f in encoder(torch.zeros(1, in_channels, height, width))]
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"encoder {name!r} can't take an image of {height}x{width} ({error}); "
                        "choose a convolutional one, such as resnet18.") from error
    encoder.train()
    if shapes != expected:
        raise UserError(f"encoder {name!r} gives features of shapes {shapes} where {expected} are needed; "
                        "choose another, such as resnet18.")


@contextmanager
def _only_errors(name: str) -> Iterator[None]:
    "Nothing but errors from this logger."
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try: yield
    finally: logger.setLevel(level)


def _read_weights(name: str, path: Path) -> dict[str, Tensor]:
    """The file's tensors without its classifier, each checked against the model by key and shape.

    BatchNorm's `num_batches_tracked`, which older files lack, may be missing: nothing is computed from it.
    """
    if path.exists() and not path.is_file(): raise UserError(f"{path}: is no regular file; pass a .safetensors file.")
    try: state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: can't be read as safetensors ({error}); pass a .safetensors file of {name}, "
                        "`imagenet` or `none`.") from error
    with torch.device("meta"): model = timm.create_model(name)
    classifier = model.default_cfg["classifier"]
    prefixes = tuple(f"{c}." for c in ([classifier] if isinstance(classifier, str) else classifier))
    wanted = {k: tuple(v.shape) for k, v in model.state_dict().items() if not k.startswith(prefixes)}
    state = {k: v for k, v in state.items() if not k.startswith(prefixes)}
    found = {k: tuple(v.shape) for k, v in state.items()}
    for key in [*wanted, *found]:
        if key not in found and key.endswith("num_batches_tracked"): continue
        if found.get(key) != wanted.get(key):
            raise UserError(f"{path}: {key} is {found.get(key, 'missing')} in the file and "
                            f"{wanted.get(key, 'missing')} in {name}; pass weights of {name}.")
    return state
