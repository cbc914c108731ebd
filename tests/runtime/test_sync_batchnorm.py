"BatchNorm over several processes; with one, torch's own."

import copy
import subprocess
import sys
from pathlib import Path

import batchnorm_step
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from timm.layers import BatchNormAct2d, EvoNorm2dB0, SplitBatchNorm2d
from torch import nn

from linknet_fastai.errors import UserError
from linknet_fastai.models.linknet import linknet
from linknet_fastai.runtime.sync_batchnorm import SyncBatchNorm, check_sync_batchnorm, convert_sync_batchnorm

CPU, HELPER = torch.device("cpu"), Path(batchnorm_step.__file__)


@pytest.fixture
def alone(tmp_path):
    "A group of one process."
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", [nn.BatchNorm2d, BatchNormAct2d])
def test_alone_it_is_torch_s_or_timm_s(alone, dtype, kind):
    torch.manual_seed(0)
    own = nn.Sequential(kind(3))
    nn.init.uniform_(own[0].weight)
    nn.init.uniform_(own[0].bias)
    synced = convert_sync_batchnorm(copy.deepcopy(own), CPU)
    assert isinstance(synced[0], SyncBatchNorm)
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


@pytest.mark.slow
def test_two_processes_are_one_on_the_same_batch(tmp_path):
    "Outputs, gradients, and the statistics that are kept."
    processes = [subprocess.Popen([sys.executable, HELPER, tmp_path, str(rank), "2"]) for rank in (0, 1)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    parts = [load_file(tmp_path / f"{rank}.safetensors") for rank in (0, 1)]
    for name, expected in batchnorm_step.step(batchnorm_step.model()).items():
        both = [part[name] for part in parts]
        if name in ("output", "input's gradient"): both = [torch.cat(both)]
        elif name.endswith("gradient"): both = [sum(both)]
        for part in both: torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-4, msg=name)


@pytest.mark.parametrize("encoder", ["test_resnet", "mobilenetv3_small_100", "efficientnet_b0"])
def test_no_layer_of_an_encoder_keeps_statistics_of_its_own(encoder):
    own = linknet(3, encoder, "none")
    before = own.state_dict(keep_vars=True)
    check_sync_batchnorm(own, CPU)
    synced = convert_sync_batchnorm(own, CPU)
    after = synced.state_dict(keep_vars=True)
    assert list(before) == list(after) and all(after[name] is value for name, value in before.items())
    norms = [layer for layer in synced.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms and all(isinstance(layer, SyncBatchNorm) for layer in norms)
    check_sync_batchnorm(synced, CPU)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.BatchNorm2d(3, affine=False), nn.BatchNorm2d(3, momentum=None),
                                   nn.BatchNorm2d(3, track_running_stats=False), SplitBatchNorm2d(3), EvoNorm2dB0(3)],
                         ids=str)
def test_a_layer_that_would_keep_statistics_of_its_own_is_refused(layer):
    with pytest.raises(UserError, match=f"1.0.*{type(layer).__name__}.*--encoder"):
        check_sync_batchnorm(nn.Sequential(nn.ReLU(), nn.Sequential(layer)), CPU)


@pytest.mark.parametrize("training", [True, False])
def test_parameters_and_buffers_are_the_same_tensors(training):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4))).train(training)
    before = model.state_dict(keep_vars=True)
    synced = convert_sync_batchnorm(model, CPU)
    after = synced.state_dict(keep_vars=True)
    assert list(before) == list(after) and all(after[name] is value for name, value in before.items())
    assert synced.training == synced[1][0].training == training


def test_a_model_that_is_a_batchnorm_is_converted_too():
    norm = nn.BatchNorm2d(3, eps=1e-3, momentum=0.2)
    synced = convert_sync_batchnorm(norm, CPU)
    assert type(synced) is SyncBatchNorm and (synced.eps, synced.momentum) == (1e-3, 0.2)
    assert synced.weight is norm.weight and synced.running_var is norm.running_var
