"SegNet against its paper (arXiv 1511.00561) and ENet's table of costs."

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from linknet_fastai.errors import UserError
from linknet_fastai.models.segnet import segnet


@pytest.fixture(scope="module")
def meta():
    with torch.device("meta"): return segnet(11, "none").eval()


def convolutions(stages) -> list[list[tuple[int, int]]]:
    "Channels in and out, by stage."
    return [[(c.in_channels, c.out_channels) for c in stage if isinstance(c, nn.Conv2d)] for stage in stages]


def test_it_is_vgg_s_thirteen_convolutions_and_their_mirror(meta):
    encoder, decoder = convolutions(meta.encoder), convolutions(meta.decoder)
    assert encoder == [
        [(3, 64), (64, 64)], [(64, 128), (128, 128)], [(128, 256)] + 2 * [(256, 256)],
        [(256, 512)] + 2 * [(512, 512)], 3 * [(512, 512)]]
    assert decoder == [
        3 * [(512, 512)], 2 * [(512, 512)] + [(512, 256)],
        2 * [(256, 256)] + [(256, 128)], [(128, 128), (128, 64)], [(64, 64), (64, 11)]]
    norms = sum(isinstance(layer, nn.BatchNorm2d) for layer in meta.modules())
    assert norms == 13 + 12 and not isinstance(meta.decoder[-1][-1], nn.ReLU)


def test_it_has_the_published_parameters(meta):
    assert sum(p.numel() for p in meta.parameters()) / 1e6 == pytest.approx(29.46, abs=0.02)


def test_any_size_comes_back(meta):
    for size in ((360, 480), (32, 32), (33, 70)):
        assert meta(torch.zeros(2, 3, *size, device="meta")).shape == (2, 11, *size)


def test_maxima_go_back_to_where_they_were_found():
    "A model of one stage that does nothing to an image: each block of 2x2 keeps its maximum, in its place."
    model = segnet(1, "none")
    model.encoder = nn.ModuleList([nn.Identity()])
    model.decoder = nn.ModuleList([nn.Identity()])
    image = torch.randperm(3 * 32 * 32).float().view(1, 3, 32, 32)
    blocks = image.unfold(2, 2, 2).unfold(3, 2, 2)
    highest = blocks.amax((-1, -2)).repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.equal(model(image), torch.where(image == highest, image, 0))


@pytest.mark.slow
def test_the_encoder_takes_timm_s_weights(tmp_path):
    torch.manual_seed(0)
    vgg = timm.create_model("vgg16_bn")
    path = tmp_path / "vgg16_bn.safetensors"
    save_file(vgg.state_dict(), path)
    model = segnet(11, path)
    mine = [layer.weight for stage in model.encoder for layer in stage if isinstance(layer, nn.Conv2d)]
    theirs = [layer.weight for layer in vgg.features if isinstance(layer, nn.Conv2d)]
    assert len(mine) == 13 and all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_another_model_s_weights_are_refused(tmp_path):
    path = tmp_path / "resnet18.safetensors"
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(UserError, match=r"resnet18\.safetensors.* vgg16_bn"): segnet(11, path)
