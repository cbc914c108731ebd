"The rewriting of transposed convolutions that `benchmarks/deconvolution.py` measures is equal to rounding."

from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def deconvolution():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return import_module("deconvolution")


@torch.no_grad()
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_a_transposed_convolution_is_a_convolution_and_a_shuffle(deconvolution, kernel, bias):
    torch.manual_seed(0)
    padding = 1 if kernel == 3 else 0
    layer = nn.ConvTranspose2d(5, 7, kernel, stride=2, padding=padding, output_padding=padding, bias=bias)
    rewritten = nn.Sequential(*deconvolution.convolution_and_shuffle(layer))
    x = torch.randn(2, 5, 6, 9)
    torch.testing.assert_close(rewritten(x), layer(x))
    assert layer(x).shape == (2, 7, 12, 18)
