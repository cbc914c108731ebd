"What the two ways to double a feature map have to do with each other (arXiv 1609.05158), in numbers."

import pytest
import torch
import torch.nn.functional as F

from linknet_fastai.models.upsampling import UPSAMPLING, deconvolution, subpixel


def features(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def by_subpixel(weight: torch.Tensor) -> torch.Tensor:
    "`[in,out,phase_y,phase_x,h,w]` as the weight of a convolution before `PixelShuffle`, `[4*out,in,h,w]`."
    return weight.permute(1, 2, 3, 0, 4, 5).reshape(-1, weight.shape[0], *weight.shape[-2:])


def test_deconvolution_2x2_is_a_1x1_convolution_and_a_pixel_shuffle():
    torch.manual_seed(0)
    x, layer = features(2, 5, 4, 7), deconvolution(5, 3, kernel_size=2, bias=True)
    weight = by_subpixel(layer.weight[..., None, None])
    expected = F.pixel_shuffle(F.conv2d(x, weight, layer.bias.repeat_interleave(4)), 2)
    torch.testing.assert_close(layer(x), expected)


def test_deconvolution_3x3_is_a_2x2_convolution_and_a_pixel_shuffle():
    "Output 2y takes kernel row 1 of input y; 2y + 1 takes row 2 of y and row 0 of y + 1; so do columns."
    torch.manual_seed(0)
    x, layer = features(2, 5, 4, 7), deconvolution(5, 3)
    rows = {(0, 0): 1, (1, 0): 2, (1, 1): 0}  # (sub-pixel, offset in the input): kernel row
    weight = torch.zeros(5, 3, 2, 2, 2, 2)
    for (phase_y, y), row in rows.items():
        for (phase_x, x_), column in rows.items():
            weight[:, :, phase_y, phase_x, y, x_] = layer.weight[:, :, row, column]
    expected = F.pixel_shuffle(F.conv2d(F.pad(x, (0, 1, 0, 1)), by_subpixel(weight)), 2)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("training", [True, False])
def test_subpixel_starts_as_nearest_neighbour(training):
    torch.manual_seed(0)
    x, layer = features(2, 8, 3, 5), subpixel(8, 4).train(training)
    convolution = next(module for module in layer.modules() if isinstance(module, torch.nn.Conv2d))
    coarse = F.conv2d(x, convolution.weight[::4], convolution.bias[::4])
    assert coarse.std() > 0.1  # else nothing would be upsampled
    torch.testing.assert_close(layer(x), coarse.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_subpixel_can_learn_another_value_for_each_subpixel():
    torch.manual_seed(0)
    x, layer = features(1, 4, 2, 2), subpixel(4, 1)
    F.mse_loss(layer(x), features(1, 1, 4, 4)).backward()
    gradient = next(layer.parameters()).grad.flatten(1)
    assert gradient.unique(dim=0).shape == (4, 4)


@pytest.mark.parametrize("name", UPSAMPLING)
@pytest.mark.parametrize("options", [{}, dict(kernel_size=2, bias=True)])
def test_every_output_pixel_depends_on_the_input_pixel_it_lies_in(name, options):
    torch.manual_seed(0)
    layer = UPSAMPLING[name](4, 2, **options)
    x = torch.zeros(1, 4, 3, 5)
    before = layer(x)
    x[..., 1, 2] = 1
    changed = (layer(x) != before).any(1)[0]
    assert changed[2:4, 4:6].all()
    assert not changed[:, :3].any() and not changed[:, 7:].any()
