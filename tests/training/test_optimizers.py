"Optimizers: their steps are torch's own, whatever the weights' memory layout."

import pytest
import torch
from torch import channels_last, contiguous_format, nn
from torch.optim import AdamW
from torch.profiler import ProfilerActivity, profile

from linknet_fastai.training.optimizers import ChannelsLastAdamW

SHAPES = (8, 5, 3, 3), (6, 4, 1, 1), (4, 1, 3, 3), (4, 3, 7, 7), (7,), (3, 5)


def after_steps(kind: type[AdamW], layout: torch.memory_format, of_gradients: torch.memory_format | None = None,
                **how):
    "Weights of all shapes after three steps, and the optimizer; among the gradients are some no larger than eps."
    generator = torch.Generator().manual_seed(0)
    def drawn(shape, layout=layout):
        tensor = torch.randn(shape, generator=generator)
        return tensor.contiguous(memory_format=layout) if tensor.dim() == 4 else tensor
    weights = [nn.Parameter(drawn(shape)) for shape in SHAPES]
    optimizer = kind(weights, lr=1e-2, betas=(0.9, 0.99), eps=1e-5, **how)
    for scale in (1, 1e-5, 1e-3):
        for weight in weights: weight.grad = scale * drawn(weight.shape, of_gradients or layout)
        optimizer.step()
    return weights, optimizer


@pytest.mark.parametrize(("layout", "of_gradients"), [
    (channels_last, channels_last), (contiguous_format, contiguous_format), (channels_last, contiguous_format),
    (contiguous_format, channels_last)])
def test_steps_are_those_of_the_plain_adamw(layout, of_gradients):
    "Autograd's gradients lie as their weights; those that a callback made may not."
    expected, _ = after_steps(AdamW, layout, foreach=False)
    ours, optimizer = after_steps(ChannelsLastAdamW, layout, of_gradients, fused=True)
    for weight, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(weight, other, rtol=1e-6, atol=1e-7)
        assert weight.stride() == other.stride()
        for name in ("exp_avg", "exp_avg_sq"):  # the state, which checkpoints keep, is of the weight's own shape
            assert optimizer.state[weight][name].shape == weight.shape


def test_no_gradient_is_copied():
    weight = nn.Parameter(torch.randn(8, 5, 3, 3).contiguous(memory_format=channels_last))
    optimizer = ChannelsLastAdamW([weight], fused=True)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    with profile(activities=[ProfilerActivity.CPU]) as profiled: optimizer.step()
    assert "aten::clone" not in {each.key for each in profiled.key_averages()}
