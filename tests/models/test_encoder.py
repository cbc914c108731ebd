import pickle
import random
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from linknet_fastai.errors import UserError
from linknet_fastai.models.encoder import build_encoder

SHARED = Path(__file__).resolve().parents[2] / "shared/weights/resnet18-imagenet.safetensors"
SMALL = "test_resnet"  # timm's, for tests


def refusal(name: str, weights: str | Path = "none") -> str:
    "What the user reads: one line that ends as a message."
    with pytest.raises(UserError) as raised: build_encoder(name, weights)
    message = str(raised.value)
    assert "\n" not in message and message.endswith(".")
    return message


def trained(name: str) -> dict[str, torch.Tensor]:
    "timm's own state of a network, with BatchNorm statistics as no fresh network has them."
    torch.manual_seed(1)
    network = timm.create_model(name, num_classes=10)
    network(torch.rand(2, 3, 64, 64))
    return network.state_dict()


@pytest.fixture
def weights(tmp_path):
    "Writes a safetensors file and gives its path."
    def write(state: dict[str, torch.Tensor]) -> Path:
        save_file(state, tmp_path / "weights.safetensors")
        return tmp_path / "weights.safetensors"
    return write


@torch.no_grad()
@pytest.mark.parametrize("name, widths, strides", [
    ("resnet34", [64, 64, 128, 256, 512], [4, 4, 8, 16, 32]),
    ("mobilenetv3_large_100", [16, 24, 40, 112, 960], [4, 4, 8, 16, 32]),
    ("efficientnet_lite0", [16, 24, 40, 112, 320], [4, 4, 8, 16, 32]),
    ("convnext_atto", [40, 80, 160, 320], [4, 8, 16, 32])])
def test_widths_and_strides_are_those_of_the_features(name, widths, strides):
    encoder = build_encoder(name, "none").eval()
    assert (encoder.widths, encoder.strides) == (widths, strides)
    features = encoder(torch.zeros(1, 3, 64, 32))
    assert [tuple(f.shape) for f in features] == [(1, w, 64 // s, 32 // s) for w, s in zip(widths, strides)]


@torch.no_grad()
@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_a_stem_of_stride_2_is_pooled_once(name):
    "A ResNet's own pool and ours give the same: 3x3, stride 2."
    torch.manual_seed(0)
    encoder, images = build_encoder(name, "none").eval(), torch.randn(2, 3, 64, 96)
    network = timm.create_model(name, features_only=True).eval()
    network.load_state_dict(encoder.body.state_dict())
    stem, *stages = network(images)
    found = encoder(images)
    torch.testing.assert_close(found[0], F.max_pool2d(stem, 3, stride=2, padding=1))
    for mine, theirs in zip(found[1:], stages, strict=True): torch.testing.assert_close(mine, theirs)


@torch.no_grad()
def test_a_stem_of_stride_4_is_taken_as_it_is():
    torch.manual_seed(0)
    encoder, images = build_encoder("test_convnext", "none").eval(), torch.randn(2, 3, 64, 96)
    assert encoder.strides == [4, 8, 16, 32]
    for mine, theirs in zip(encoder(images), encoder.body(images), strict=True): assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_an_encoder_that_can_t_serve_is_refused(name):
    message = refusal(name)
    assert message.startswith(f"encoder {name!r} ") and "choose" in message and "resnet18" in message


@pytest.mark.parametrize("name, hint", [("resnet1", "resnet18"), ("zzz", "timm.list_models()")])
def test_an_unknown_encoder_is_refused_with_a_hint(name, hint):
    message = refusal(name)
    assert f"{name!r} is unknown" in message and hint in message


def test_an_encoder_whose_features_start_at_another_index_serves():
    "DLA's default features are timm's 1 to 5, of strides 2 to 32."
    assert build_encoder("dla34", "none").widths == [32, 64, 128, 256, 512]


def test_is_ready_to_train():
    assert all(module.training for module in build_encoder(SMALL, "none").modules())


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_a_file_with_timm_s_keys_is_loaded(name, weights):
    state = trained(name)
    loaded = build_encoder(name, weights(state)).body.state_dict()
    # timm renames a feature network's modules: stages.0.blocks becomes stages_0.blocks
    expected = {key.replace(".", "_"): value for key, value in state.items()}
    assert len(loaded) > 50
    for key, value in loaded.items(): assert torch.equal(value, expected[key.replace(".", "_")]), key


def test_the_file_s_classifier_doesn_t_matter(weights):
    state = {key: value for key, value in trained(SMALL).items() if not key.startswith("fc.")}
    first = build_encoder(SMALL, weights(state)).body.state_dict()
    second = build_encoder(SMALL, weights(state | {"fc.weight": torch.zeros(3, 3)})).body.state_dict()
    for key in first: assert torch.equal(first[key], second[key]), key


def test_the_first_missing_key_is_named(weights):
    state = trained(SMALL)
    del state["layer4.0.conv1.weight"], state["layer1.0.bn1.bias"]
    path = weights(state)
    message = refusal(SMALL, path)
    assert message.startswith(f"{path}: layer1.0.bn1.bias is missing in the file and (")
    assert "layer4" not in message


def test_the_first_key_of_a_wrong_shape_is_named(weights):
    "In the network's order, not the file's, which is the alphabet's."
    state = trained(SMALL)
    wanted = tuple(state["layer2.0.conv1.weight"].shape)
    state["layer2.0.conv1.weight"], state["layer2.0.bn1.bias"] = torch.zeros(5), torch.zeros(6)
    path = weights(state)
    message = refusal(SMALL, path)
    assert message.startswith(f"{path}: layer2.0.conv1.weight is (5,) in the file and {wanted} in {SMALL}")
    assert "bn1" not in message


def test_a_key_too_many_is_named(weights):
    path = weights(trained(SMALL) | {"layer5.weight": torch.zeros(2)})
    assert refusal(SMALL, path).startswith(f"{path}: layer5.weight is (2,) in the file and missing in {SMALL}")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self): return Path.touch, (tmp_path / "sprung",)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    assert refusal(SMALL, path).startswith(f"{path}: can't be read as safetensors")
    assert not (tmp_path / "sprung").exists()


def test_a_torch_checkpoint_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    torch.save(trained(SMALL), path)
    assert refusal(SMALL, path).startswith(f"{path}: can't be read as safetensors")


def test_a_damaged_file_is_refused(weights):
    path = weights(trained(SMALL))
    content = path.read_bytes()
    path.write_bytes(content[:random.Random(0).randrange(len(content) // 2, len(content))])
    assert refusal(SMALL, path).startswith(f"{path}: can't be read as safetensors")


def test_a_missing_file_is_named(tmp_path):
    assert refusal(SMALL, tmp_path / "none.safetensors").startswith(f"{tmp_path / 'none.safetensors'}: can't be read")


def test_offline_imagenet_says_how_to_pass_a_file(monkeypatch):
    create = timm.create_model

    def offline(name, pretrained=False, **options):
        if pretrained: raise OSError("[Errno -2] Name or service not known")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    message = refusal(SMALL, "imagenet")
    assert SMALL in message and "`--weights FILE.safetensors`" in message and "`--weights none`" in message


@pytest.mark.skipif(not SHARED.is_file(), reason=f"{SHARED} is not on this machine")
def test_the_shared_imagenet_weights_load():
    state, loaded = load_file(SHARED), build_encoder("resnet18", SHARED).body.state_dict()
    assert state.keys() - loaded.keys() == {"fc.weight", "fc.bias"}
    for key, value in loaded.items(): assert torch.equal(value, state[key]), key
