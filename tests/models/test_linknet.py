from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from linknet_fastai.errors import UserError
from linknet_fastai.models.linknet import LinkNet, linknet

PAPER_GFLOPS = 21.2  # arXiv 1707.03718, table 2: 640x360


@pytest.fixture(scope="module")
def resnet18() -> LinkNet:
    torch.manual_seed(0)
    return linknet(11, "resnet18", "none").eval()


@pytest.fixture(scope="module", params=[("test_resnet", "deconv"), ("test_efficientnet", "subpixel"),
                                        ("test_convnext", "deconv")], ids=" ".join)
def small(request) -> LinkNet:
    "timm's models for tests; ConvNeXt's stem is no feature."
    torch.manual_seed(0)
    encoder, upsample = request.param
    return linknet(3, encoder, "none", upsample).eval()


def random_images(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


class Watch:
    "What goes into modules and what comes out of them, as it was at that moment."

    def __init__(self, *modules: nn.Module):
        self.inputs, self.outputs = {}, {}
        self.hooks = [module.register_forward_pre_hook(self._before) for module in modules]
        self.hooks += [module.register_forward_hook(self._after) for module in modules]

    def _before(self, module, args): self.inputs[module] = args[0].clone()

    def _after(self, module, args, output): self.outputs[module] = output.clone()

    def __enter__(self) -> "Watch": return self

    def __exit__(self, *exception):
        for hook in self.hooks: hook.remove()


def gflops(model: nn.Module, height: int, width: int) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, height, width, device="meta"))
    return counter.get_total_flops() / 1e9


def test_has_the_paper_s_eleven_and_a_half_million_parameters(resnet18):
    assert sum(p.numel() for p in resnet18.parameters()) == pytest.approx(11.5e6, rel=0.005)


def test_takes_about_the_paper_s_operations(resnet18):
    "A MAC is two; 360 is padded to 384."
    model = deepcopy(resnet18).to("meta")
    counted = gflops(model, 360, 640)
    assert counted == pytest.approx(20.27, rel=0.002)
    assert counted == pytest.approx(PAPER_GFLOPS, rel=0.05)
    assert gflops(model, 384, 640) == counted


@torch.no_grad()
def test_each_stage_s_input_is_added_to_the_block_beside_it(resnet18):
    body, blocks, head = resnet18.encoder.body, resnet18.decoder, resnet18.head
    assert len(blocks) == 4
    with Watch(*(body[f"layer{i}"] for i in range(1, 5)), *blocks, head) as seen:
        resnet18(random_images(2, 3, 64, 96))
    assert torch.equal(seen.inputs[blocks[0]], seen.outputs[body["layer4"]])
    for block, stage, following in zip(blocks, ("layer4", "layer3", "layer2", "layer1"), [*blocks[1:], head]):
        assert torch.equal(seen.inputs[following], seen.outputs[block] + seen.inputs[body[stage]]), stage


@torch.no_grad()
def test_the_first_skip_is_the_pooled_stem(resnet18):
    "With the last decoder block silenced, nothing else reaches the head."
    model, images = deepcopy(resnet18), random_images(2, 3, 64, 96)
    last = model.decoder[-1][-2]
    assert isinstance(last, nn.BatchNorm2d)
    last.weight.zero_()
    last.bias.zero_()
    body = model.encoder.body
    stem = F.max_pool2d(F.relu(body["bn1"](body["conv1"](images))), 3, stride=2, padding=1)
    torch.testing.assert_close(model(images), model.head(stem))


@torch.no_grad()
@pytest.mark.parametrize("height, width, padding", [
    (37, 50, "reflect"), (33, 64, "reflect"), (1, 1, "edge"), (20, 10, "edge")])
def test_logits_have_the_image_s_size_whatever_it_is(small, height, width, padding):
    images = random_images(2, 3, height, width)
    grown = np.pad(images.numpy(), [(0, 0), (0, 0), (0, -height % 32), (0, -width % 32)], mode=padding)
    expected = small(torch.from_numpy(grown))[..., :height, :width]
    assert small(images).shape == (2, 3, height, width)
    torch.testing.assert_close(small(images), expected)


@torch.no_grad()
def test_an_image_that_fits_is_not_padded(small):
    images = random_images(1, 3, 64, 64)
    *skips, x = small.encoder(images)
    for block, skip in zip(small.decoder, reversed(skips)): x = block(x) + skip
    assert torch.equal(small(images), small.head(x))


def test_the_loss_reaches_every_parameter(small):
    "Inside a residual block only from the second step on: timm starts its last BatchNorm at 0."
    model = deepcopy(small).train()
    F.cross_entropy(model(random_images(2, 3, 64, 64)), torch.arange(2 * 64 * 64).view(2, 64, 64) % 3).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert [name for name, p in model.named_parameters() if not name.startswith("encoder.") and not p.grad.any()] == []


def test_an_unknown_upsampling_is_refused():
    with pytest.raises(UserError, match="'bilinear'.* deconv, subpixel"):
        linknet(11, "test_resnet", "none", upsample="bilinear")
