"BatchNorm over several processes; with one, torch's own."

import copy

import pytest
import torch
import torch.distributed as dist
from torch import nn

from linknet_fastai.runtime.sync_batchnorm import convert_sync_batchnorm


@pytest.fixture
def alone(tmp_path):
    "A group of one process."
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_alone_it_is_torch_s(alone, dtype):
    torch.manual_seed(0)
    own = nn.Sequential(nn.BatchNorm2d(3))
    nn.init.uniform_(own[0].weight)
    nn.init.uniform_(own[0].bias)
    shared = copy.deepcopy(own)
    convert_sync_batchnorm(shared, torch.device("cpu"))
    x = (5 + 2 * torch.randn(4, 3, 8, 8)).to(dtype)
    inputs, weights = [x.clone().requires_grad_() for _ in range(2)], torch.randn(4, 3, 8, 8)
    tolerance = dict(rtol=1e-4, atol=1e-5) if dtype == torch.float32 else dict(rtol=2e-2, atol=2e-2)
    for network, given in zip((own, shared), inputs): (network(given).float() * weights).sum().backward()
    torch.testing.assert_close(shared(inputs[1]), own(inputs[0]), **tolerance)
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, **tolerance)
    for name in ("weight", "bias"):
        torch.testing.assert_close(getattr(shared[0], name).grad, getattr(own[0], name).grad, rtol=tolerance["rtol"], atol=0.1)
    for name, value in own.state_dict().items(): torch.testing.assert_close(shared.state_dict()[name], value, **tolerance)
    torch.testing.assert_close(shared.eval()(x), own.eval()(x), **tolerance)


def test_layers_with_an_activation_keep_their_own_statistics(alone):
    "timm's BatchNormAct2d is no plain BatchNorm."
    from timm.layers import BatchNormAct2d
    network = nn.Sequential(BatchNormAct2d(3))
    convert_sync_batchnorm(network, torch.device("cpu"))
    assert type(network[0]) is BatchNormAct2d
