import re
import warnings
from copy import deepcopy
from unittest.mock import patch

import pytest
import torch
from fastai.torch_core import TensorImage
from torch import Tensor, nn

from linknet_fastai.errors import UserError
from linknet_fastai.models.linknet import LinkNet, linknet
from linknet_fastai.models.autocast import prepare
from linknet_fastai.runtime.device import Machine

IMAGES = torch.randn(1, 3, 32, 64, generator=torch.Generator().manual_seed(0))


def network() -> LinkNet:
    torch.manual_seed(0)
    return linknet(3, "test_resnet", "none").eval()


def cpu(precision: str) -> Machine:
    return Machine.choose("cpu", precision)


@torch.no_grad()
@pytest.mark.parametrize("precision, inside", [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_layers_compute_in_the_machine_s_precision_and_logits_are_fp32(precision, inside):
    model, seen = prepare(network(), cpu(precision)), []
    for layer in (model.encoder.body["layer1"][0].conv1, model.decoder[0][0], model.head[-1]):
        layer.register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    assert model(IMAGES).dtype == torch.float32
    assert seen == [inside] * 3


@torch.no_grad()
def test_fp32_logits_are_the_model_s_own_and_bf16_near_them():
    expected = network()(IMAGES)
    torch.testing.assert_close(prepare(network(), cpu("fp32"))(IMAGES), expected)
    error = (prepare(network(), cpu("bf16"))(IMAGES) - expected).abs().max() / expected.abs().max()
    assert 0 < error < 0.05


def test_weights_stay_fp32_and_lie_channels_last():
    model = prepare(network(), cpu("bf16"))
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.head[3].weight.is_contiguous(memory_format=torch.channels_last)
    assert model.encoder.body["layer1"][0].conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_gradients_are_fp32():
    model = prepare(network(), cpu("bf16"))
    model(IMAGES).square().mean().backward()
    assert {p.grad.dtype for p in model.parameters()} == {torch.float32}


@torch.no_grad()
def test_fastai_images_go_in_and_plain_tensors_come_out():
    model, seen = prepare(network(), cpu("bf16")), []
    model.encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    logits = model(TensorImage(IMAGES))
    assert type(logits) is Tensor and type(seen[0]) is Tensor
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(logits, model(IMAGES))


@torch.no_grad()
def test_autocast_is_off_after_a_forward_and_after_one_that_raises():
    model, during = prepare(network(), cpu("bf16")), []
    model.encoder.register_forward_pre_hook(lambda module, args: during.append(torch.is_autocast_enabled("cpu")))
    model(IMAGES)
    assert not torch.is_autocast_enabled("cpu")
    with pytest.raises(RuntimeError): model(torch.zeros(1, 4, 32, 32))
    assert not torch.is_autocast_enabled("cpu")
    assert during == [True, True]


def test_a_machine_is_what_was_named():
    machine = Machine.choose("cpu", "fp32")
    assert (machine.device, machine.precision) == (torch.device("cpu"), "fp32")
    assert re.fullmatch(rf"cpu \({torch.get_num_threads()} threads?\), fp32", str(machine))


def test_a_machine_s_own_precision_is_one_that_it_can_be_asked_for():
    assert Machine.choose("cpu") == Machine.choose("cpu", Machine.choose("cpu").precision)
    assert Machine.choose() == Machine.choose(str(Machine.choose().device), Machine.choose().precision)


@pytest.mark.parametrize("device, precision, message", [
    ("toaster", None, "device 'toaster' is unknown to torch; use cpu, cuda or mps."),
    ("cuda:99", None, "device 'cuda:99' is not on this machine; leave `--device` out to use the best one."),
    ("cpu", "int8", "precision 'int8' is unknown; use bf16, fp16, fp32."),
    ("cpu", "fp16", "fp16 needs a CUDA GPU, this runs on cpu; use bf16 or fp32.")])
def test_what_a_machine_doesn_t_have_is_refused(device, precision, message):
    with pytest.raises(UserError) as raised: Machine.choose(device, precision)
    assert str(raised.value) == message


def test_a_compilation_that_fails_costs_a_line_and_no_more():
    from torch._dynamo.exc import TorchDynamoException
    def fails(forward):
        def failing(images): raise TorchDynamoException("no compiler here\nand much more")
        return failing
    machine = Machine(torch.device("cpu"), "fp32", compile=True)
    plain = nn.Conv2d(3, 2, 3)
    with patch("torch.compile", fails): model = prepare(deepcopy(plain), machine)
    images = torch.rand(1, 3, 8, 8)
    with pytest.warns(UserWarning, match=r"torch.compile failed \(no compiler here\)"): once = model(images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(model(images), once)  # said once
    torch.testing.assert_close(once, plain(images))
