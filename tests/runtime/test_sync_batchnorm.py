"BatchNorm over several processes; with one, torch's own."

import copy

import pytest
import torch
import torch.distributed as dist
from torch import nn

from linknet_fastai.runtime.sync_batchnorm import SyncBatchNorm, convert_sync_batchnorm


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
    synced = convert_sync_batchnorm(copy.deepcopy(own), torch.device("cpu"))
    assert type(synced[0]) is SyncBatchNorm
    x = (5 + 2 * torch.randn(4, 3, 8, 8)).to(dtype)
    inputs, weights = [x.clone().requires_grad_() for _ in range(2)], torch.randn(4, 3, 8, 8)
    tolerance = dict(rtol=1e-4, atol=1e-5) if dtype == torch.float32 else dict(rtol=2e-2, atol=2e-2)
    for model, given in zip((own, synced), inputs): (model(given).float() * weights).sum().backward()
    torch.testing.assert_close(synced(inputs[1]), own(inputs[0]), **tolerance)
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, **tolerance)
    for name in ("weight", "bias"):
        gradients = [getattr(model[0], name).grad for model in (synced, own)]
        torch.testing.assert_close(*gradients, rtol=tolerance["rtol"], atol=0.1)
    for name, value in own.state_dict().items():
        torch.testing.assert_close(synced.state_dict()[name], value, **tolerance)
    torch.testing.assert_close(synced.eval()(x), own.eval()(x), **tolerance)


def test_layers_with_an_activation_keep_their_own_statistics(alone):
    "timm's BatchNormAct2d is no plain BatchNorm."
    from timm.layers import BatchNormAct2d
    model = convert_sync_batchnorm(nn.Sequential(BatchNormAct2d(3)), torch.device("cpu"))
    assert type(model[0]) is BatchNormAct2d


@pytest.mark.parametrize("training", [True, False])
def test_parameters_and_buffers_are_the_same_tensors(training):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4))).train(training)
    before = model.state_dict(keep_vars=True)
    synced = convert_sync_batchnorm(model, torch.device("cpu"))
    after = synced.state_dict(keep_vars=True)
    assert list(before) == list(after) and all(after[name] is value for name, value in before.items())
    assert synced.training == synced[1][0].training == training


def test_a_model_that_is_a_batchnorm_is_converted_too():
    norm = nn.BatchNorm2d(3, eps=1e-3, momentum=0.2)
    synced = convert_sync_batchnorm(norm, torch.device("cpu"))
    assert type(synced) is SyncBatchNorm and (synced.eps, synced.momentum) == (1e-3, 0.2)
    assert synced.weight is norm.weight and synced.running_var is norm.running_var
