"A model in a machine's number format is an ordinary module."

import io
import warnings
from copy import deepcopy
from unittest.mock import patch

import pytest
import torch
from fastai.torch_core import TensorImage
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from linknet_fastai.models.autocast import AutocastModel, autocast_model, plain_model
from linknet_fastai.models.linknet import LinkNet, linknet
from linknet_fastai.runtime.device import Machine

IMAGES = torch.randn(1, 3, 32, 64, generator=torch.Generator().manual_seed(0))


def small_linknet(seed: int = 0) -> LinkNet:
    torch.manual_seed(seed)
    return linknet(3, "test_resnet", "none").eval()


def autocast_linknet(precision: str = "bf16", seed: int = 0) -> AutocastModel:
    return autocast_model(small_linknet(seed), Machine.choose("cpu", precision))


# in its precision

@torch.no_grad()
@pytest.mark.parametrize("precision, inside", [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_layers_compute_in_the_machine_s_precision_and_logits_are_fp32(precision, inside):
    model, seen = autocast_linknet(precision), []
    plain = plain_model(model)
    for layer in (plain.encoder.body["layer1"][0].conv1, plain.decoder[0][0], plain.head[-1]):
        layer.register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    assert model(IMAGES).dtype == torch.float32
    assert seen == [inside] * 3


@torch.no_grad()
def test_fp32_logits_are_the_model_s_own_and_bf16_near_them():
    expected = small_linknet()(IMAGES)
    torch.testing.assert_close(autocast_linknet("fp32")(IMAGES), expected)
    error = (autocast_linknet("bf16")(IMAGES) - expected).abs().max() / expected.abs().max()
    assert 0 < error < 0.05


def test_weights_stay_fp32_and_lie_channels_last():
    model = plain_model(autocast_linknet())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.head[3].weight.is_contiguous(memory_format=torch.channels_last)
    assert model.encoder.body["layer1"][0].conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_gradients_are_fp32():
    model = autocast_linknet()
    model(IMAGES).square().mean().backward()
    assert {p.grad.dtype for p in model.parameters()} == {torch.float32}


@torch.no_grad()
def test_fastai_images_go_in_and_plain_tensors_come_out():
    model, seen = autocast_linknet(), []
    plain_model(model).encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    logits = model(TensorImage(IMAGES))
    assert type(logits) is Tensor and type(seen[0]) is Tensor
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(logits, model(IMAGES))


@torch.no_grad()
def test_autocast_is_off_after_a_forward_and_after_one_that_raises():
    model, during = autocast_linknet(), []
    plain_model(model).encoder.register_forward_pre_hook(
        lambda module, args: during.append(torch.is_autocast_enabled("cpu")))
    model(IMAGES)
    assert not torch.is_autocast_enabled("cpu")
    with pytest.raises(RuntimeError): model(torch.zeros(1, 4, 32, 32))
    assert not torch.is_autocast_enabled("cpu")
    assert during == [True, True]


# an ordinary module

def assert_equal_logits(model: nn.Module, other: nn.Module):
    with torch.no_grad(): torch.testing.assert_close(model(IMAGES), other(IMAGES), rtol=0, atol=0)


@torch.no_grad()
def test_a_copy_computes_with_its_own_weights():
    model = autocast_linknet()
    before, copy = model(IMAGES), deepcopy(model)
    assert torch.equal(copy(IMAGES), before)
    plain_model(copy).load_state_dict(small_linknet(seed=1).state_dict())
    assert_equal_logits(copy, autocast_linknet(seed=1))
    assert torch.equal(model(IMAGES), before) and not torch.allclose(copy(IMAGES), before)


@torch.no_grad()
def test_torch_s_averaged_model_is_the_average():
    "Of two models' weights, in the mean's logits."
    model, mean = autocast_linknet("fp32"), small_linknet()
    averaged = AveragedModel(model).eval()
    for seed in (0, 1):
        plain_model(model).load_state_dict(small_linknet(seed).state_dict())
        averaged.update_parameters(model)
    for parameter, other in zip(mean.parameters(), small_linknet(1).parameters()): parameter.lerp_(other, 0.5)
    torch.testing.assert_close(averaged(IMAGES), mean(IMAGES))


@torch.no_grad()
def test_timm_s_moving_average_moves():
    "A decay of 0.75 leaves three quarters of the first weights, and takes a quarter of the second."
    model, mean = autocast_linknet("fp32"), small_linknet()
    ema = ModelEmaV3(model, decay=0.75)
    plain_model(model).load_state_dict(small_linknet(1).state_dict())
    ema.update(model)
    for parameter, other in zip(mean.parameters(), small_linknet(1).parameters()): parameter.lerp_(other, 0.25)
    torch.testing.assert_close(ema.module.eval()(IMAGES), mean(IMAGES))


def test_it_can_be_pickled():
    file = io.BytesIO()
    torch.save(autocast_linknet(), file)
    file.seek(0)
    assert_equal_logits(torch.load(file, weights_only=False), autocast_linknet())


def test_it_can_be_exported():
    exported = torch.export.export(autocast_linknet("fp32"), (IMAGES,)).module()
    with torch.no_grad(): torch.testing.assert_close(exported(IMAGES), autocast_linknet("fp32")(IMAGES))


def test_what_is_exported_computes_in_its_precision():
    exported = torch.export.export(autocast_linknet("bf16"), (IMAGES,)).module()
    with torch.no_grad(): logits, expected = exported(IMAGES), autocast_linknet("bf16")(IMAGES)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, expected, rtol=0, atol=0.02 * float(expected.abs().max()))


def test_data_parallel_passes_it_on():
    assert_equal_logits(nn.DataParallel(autocast_linknet()), autocast_linknet())


def test_the_plain_model_is_what_was_given():
    plain = small_linknet()
    assert plain_model(autocast_model(plain, Machine.choose("cpu", "fp32"))) is plain
    assert plain_model(plain) is plain


# compiled

COMPILED = Machine(torch.device("cpu"), "fp32", compile=True)


class Compiled:
    "Stands for `torch.compile`: counts what is compiled, and how often that runs."

    def __init__(self): self.compiled, self.runs = 0, 0

    def __call__(self, forward):
        self.compiled += 1
        def run(images):
            self.runs += 1
            return forward(images)
        return run


@torch.no_grad()
def test_a_copy_of_a_compiled_model_compiles_its_own():
    images = torch.rand(1, 3, 8, 8)
    with patch("torch.compile", Compiled()) as compiler:
        model = autocast_model(nn.Conv2d(3, 2, 3), COMPILED)
        before = model(images)
        copy = deepcopy(model)
        plain_model(copy).weight.zero_()
        found = copy(images)
        assert torch.equal(model(images), before)
    assert (compiler.compiled, compiler.runs) == (2, 3)
    assert torch.equal(found, plain_model(copy)(images)) and not torch.allclose(found, before)


@torch.no_grad()
def test_a_compiled_model_is_compiled_once():
    with patch("torch.compile", Compiled()) as compiler:
        model = autocast_model(nn.Conv2d(3, 2, 3), COMPILED)
        for _ in range(3): model(torch.rand(1, 3, 8, 8))
    assert (compiler.compiled, compiler.runs) == (1, 3)


def test_a_compilation_that_fails_costs_a_warning_and_no_more():
    from torch._dynamo.exc import TorchDynamoException
    def fails(forward):
        def failing(images): raise TorchDynamoException("no compiler here\nand much more")
        return failing
    plain = nn.Conv2d(3, 2, 3)
    model, images = autocast_model(deepcopy(plain), COMPILED), torch.rand(1, 3, 8, 8)
    with patch("torch.compile", fails):
        with pytest.warns(UserWarning, match="no compiler here"): once = model(images)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert torch.equal(model(images), once)  # said once
    torch.testing.assert_close(once, plain(images))


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_copy_computes_with_its_own_weights():
    "With torch's own compiler, where there is one."
    images = torch.rand(1, 3, 8, 8)
    model = autocast_model(nn.Conv2d(3, 2, 3), COMPILED)
    before, copy = model(images), deepcopy(model)
    plain_model(copy).weight.zero_()
    torch.testing.assert_close(copy(images), plain_model(copy)(images))
    torch.testing.assert_close(model(images), before)
