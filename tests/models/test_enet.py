"ENet against table 1 of its paper (arXiv 1606.02147)."

import pytest
import torch
from torch import nn

from linknet_fastai.models.enet import Bottleneck, Down, ENet, Up, asymmetric, dilated


@pytest.fixture(scope="module")
def meta():
    with torch.device("meta"): return ENet(20).eval()


def test_it_has_the_published_parameters(meta):
    assert round(sum(p.numel() for p in meta.parameters()) / 1e6, 2) == 0.37  # of Cityscapes' 20 outputs


def test_shapes_are_table_1_s(meta):
    shapes = {}
    for name, module in meta.named_modules():
        def record(module, inputs, output, name=name):
            features = output[0] if isinstance(output, tuple) else output
            shapes[name] = tuple(features.shape[1:])
        module.register_forward_hook(record)
    assert meta(torch.zeros(1, 3, 512, 512, device="meta")).shape == (1, 20, 512, 512)
    expected = {
        "encoder.initial": (16, 256, 256), "encoder.down1": (64, 128, 128), "encoder.stage1": (64, 128, 128),
        "encoder.down2": (128, 64, 64), "encoder.stage2": (128, 64, 64), "encoder.stage3": (128, 64, 64),
        "up4": (64, 128, 128), "stage4": (64, 128, 128), "up5": (16, 256, 256), "stage5": (16, 256, 256),
        "head": (20, 512, 512)}
    assert {name: shapes[name] for name in expected} == expected


def test_stages_2_and_3_are_dilated_and_asymmetric_as_listed(meta):
    for stage in (meta.encoder.stage2, meta.encoder.stage3):
        main = [[c for c in bottleneck.branch if isinstance(c, nn.Conv2d)][1] for bottleneck in stage]
        assert [(c.kernel_size, c.dilation[0]) for c in main] == [
            ((3, 3), 1), ((3, 3), 2), ((5, 1), 1), ((3, 3), 4), ((3, 3), 1), ((3, 3), 8), ((5, 1), 1), ((3, 3), 16)]


def test_dropout_is_a_hundredth_early_and_a_tenth_later(meta):
    probabilities = [module.p for module in meta.modules() if isinstance(module, nn.Dropout2d)]
    assert probabilities == 5 * [0.01] + 22 * [0.1]


def test_no_projection_has_a_bias(meta):
    assert not any(c.bias is not None for c in meta.modules() if isinstance(c, (nn.Conv2d, nn.ConvTranspose2d)))


@pytest.mark.parametrize("bottleneck", [Bottleneck(32, 0.1), dilated(32, 4), asymmetric(32)])
def test_a_bottleneck_adds_to_what_comes_in(bottleneck):
    bottleneck.eval()
    for parameter in bottleneck.branch[-2].parameters(): nn.init.zeros_(parameter)  # the last BatchNorm
    x = torch.randn(2, 32, 16, 24)
    assert torch.equal(bottleneck(x), bottleneck.act(x))


def test_up_puts_maxima_back_where_down_found_them():
    """With nothing in the branches and nothing done to the main way, what is unpooled is the pooled image's maxima in
    their places."""
    down, up = Down(8, 8, 0.1).eval(), Up(8, 8).eval()
    for branch in (down.branch, up.branch):
        for parameter in branch[-2].parameters(): nn.init.zeros_(parameter)
    up.main = nn.Identity()
    x = torch.rand(1, 8, 4, 6)  # no negative: PReLU lets it through
    pooled, indices = down(x)
    blocks = x.unfold(2, 2, 2).unfold(3, 2, 2)
    highest = blocks.amax((-1, -2)).repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.equal(up(pooled, indices), torch.where(x == highest, x, 0))


def test_any_size_comes_back(meta):
    for size in ((360, 480), (8, 8), (33, 70)):
        assert meta(torch.zeros(2, 3, *size, device="meta")).shape == (2, 20, *size)
