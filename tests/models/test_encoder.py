import logging
import pickle
import random
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from linknet_fastai.errors import UserError
from linknet_fastai.models.encoder import create_encoder, timm_name

SHARED = Path(__file__).resolve().parents[3] / "shared/weights/resnet18-imagenet.safetensors"
SMALL = "test_resnet"  # timm's, for tests


def refusal(name: str, weights: str | Path = "none") -> str:
    "What the user reads: one line."
    with pytest.raises(UserError) as raised: create_encoder(name, weights)
    message = str(raised.value)
    assert "\n" not in message and message.endswith((".", "?"))
    return message


def trained(name: str) -> dict[str, torch.Tensor]:
    "timm's own state of a model, with BatchNorm statistics as no fresh model has them."
    torch.manual_seed(1)
    model = timm.create_model(name, num_classes=10)
    model(torch.rand(2, 3, 64, 64))
    return model.state_dict()


@pytest.fixture
def weights(tmp_path):
    "Writes a safetensors file and gives its path."
    def write(state: dict[str, torch.Tensor]) -> Path:
        save_file(state, tmp_path / "weights.safetensors")
        return tmp_path / "weights.safetensors"
    return write


@torch.no_grad()
@pytest.mark.parametrize("name, channels, strides", [
    ("resnet34", [64, 64, 128, 256, 512], [4, 4, 8, 16, 32]),
    ("mobilenetv3_large_100", [16, 24, 40, 112, 960], [4, 4, 8, 16, 32]),
    ("efficientnet_lite0", [16, 24, 40, 112, 320], [4, 4, 8, 16, 32]),
    ("convnext_atto", [40, 80, 160, 320], [4, 8, 16, 32])])
def test_channels_and_strides_are_those_of_the_features(name, channels, strides):
    encoder = create_encoder(name, "none").eval()
    assert (encoder.channels, encoder.strides) == (channels, strides)
    features = encoder(torch.zeros(1, 3, 64, 32))
    assert [tuple(f.shape) for f in features] == [(1, c, 64 // s, 32 // s) for c, s in zip(channels, strides)]


@torch.no_grad()
@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_a_stem_of_stride_2_is_pooled_once(name):
    "A ResNet's own pool and ours give the same: 3x3, stride 2."
    torch.manual_seed(0)
    encoder, images = create_encoder(name, "none").eval(), torch.randn(2, 3, 64, 96)
    features = timm.create_model(name, features_only=True).eval()
    features.load_state_dict(encoder.body.state_dict())
    stem, *stages = features(images)
    found = encoder(images)
    torch.testing.assert_close(found[0], F.max_pool2d(stem, 3, stride=2, padding=1))
    for mine, theirs in zip(found[1:], stages, strict=True): torch.testing.assert_close(mine, theirs)


@torch.no_grad()
def test_a_stem_of_stride_4_is_taken_as_it_is():
    torch.manual_seed(0)
    encoder, images = create_encoder("test_convnext", "none").eval(), torch.randn(2, 3, 64, 96)
    assert encoder.strides == [4, 8, 16, 32]
    for mine, theirs in zip(encoder(images), encoder.body(images), strict=True): assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_an_encoder_that_can_t_serve_is_refused(name):
    message = refusal(name)
    assert message.startswith(f"encoder {name!r} ") and "choose" in message and "resnet18" in message


@pytest.mark.parametrize("name", [
    "resnet34", "tu-resnet34", "resnet34.a1_in1k", "timm/resnet34.a1_in1k", "hf_hub:timm/resnet34",
    "hf-hub:timm/resnet34", "hf_hub:timm/resnet34.a1_in1k"])
def test_an_encoder_may_be_named_as_elsewhere(name):
    "As timm, its hub, and segmentation_models_pytorch name it."
    assert timm_name(name).split(".")[0] == "resnet34" and timm.is_model(timm_name(name))
    assert create_encoder(name, "none").channels == [64, 64, 128, 256, 512]


@pytest.mark.parametrize("name", ["someone/model", "hf_hub:someone/model", "someone/resnet18"])
def test_somebody_else_s_model_is_refused_by_name(name):
    assert repr(name) in refusal(name)


def test_an_unknown_encoder_is_answered_with_near_names():
    message = refusal("resnet19")
    assert "'resnet19'" in message and "resnet18" in message and len(message) < 200
    assert "'zzz'" in refusal("zzz")


def test_an_encoder_whose_features_start_at_another_index_serves():
    "DLA's default features are timm's 1 to 5, of strides 2 to 32."
    assert create_encoder("dla34", "none").channels == [32, 64, 128, 256, 512]


def test_is_ready_to_train():
    assert all(module.training for module in create_encoder(SMALL, "none").modules())


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_a_file_with_timm_s_keys_is_loaded(name, weights):
    state = trained(name)
    loaded = create_encoder(name, weights(state)).body.state_dict()
    # timm renames a feature model's modules: stages.0.blocks becomes stages_0.blocks
    expected = {key.replace(".", "_"): value for key, value in state.items()}
    assert len(loaded) > 50
    for key, value in loaded.items(): assert torch.equal(value, expected[key.replace(".", "_")]), key


def test_the_file_s_classifier_doesn_t_matter(weights):
    state = {key: value for key, value in trained(SMALL).items() if not key.startswith("fc.")}
    first = create_encoder(SMALL, weights(state)).body.state_dict()
    second = create_encoder(SMALL, weights(state | {"fc.weight": torch.zeros(3, 3)})).body.state_dict()
    for key in first: assert torch.equal(first[key], second[key]), key


def test_an_older_file_without_counts_of_batches_is_loaded(weights):
    "Nothing is computed from `num_batches_tracked`."
    state = trained(SMALL)
    older = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert len(older) < len(state)
    first = create_encoder(SMALL, weights(state)).body.state_dict()
    second = create_encoder(SMALL, weights(older)).body.state_dict()
    for key in first:
        if not key.endswith("num_batches_tracked"): assert torch.equal(first[key], second[key]), key


def test_statistics_that_are_missing_are_named(weights):
    state = trained(SMALL)
    del state["bn1.running_mean"]
    assert "bn1.running_mean is missing" in refusal(SMALL, weights(state))


def test_a_file_is_loaded_without_a_word(weights, caplog):
    "timm would warn of the keys of EfficientNet's last convolution, which no feature needs."
    caplog.set_level(logging.DEBUG)
    create_encoder("test_efficientnet", weights(trained("test_efficientnet")))
    assert "Unexpected keys" not in caplog.text


def test_the_first_missing_key_is_named(weights):
    state = trained(SMALL)
    del state["layer4.0.conv1.weight"], state["layer1.0.bn1.bias"]
    path = weights(state)
    message = refusal(SMALL, path)
    assert message.startswith(f"{path}: layer1.0.bn1.bias is missing in the file and (")
    assert "layer4" not in message


def test_the_first_key_of_a_wrong_shape_is_named(weights):
    "In the model's order, not the file's, which is the alphabet's."
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
    assert refusal(SMALL, path).startswith(f"{path}: ")
    assert not (tmp_path / "sprung").exists()


def test_a_torch_checkpoint_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    torch.save(trained(SMALL), path)
    assert refusal(SMALL, path).startswith(f"{path}: ")


def test_a_damaged_file_is_refused(weights):
    path = weights(trained(SMALL))
    content = path.read_bytes()
    path.write_bytes(content[:random.Random(0).randrange(len(content) // 2, len(content))])
    assert refusal(SMALL, path).startswith(f"{path}: ")


def test_a_missing_file_is_named(tmp_path):
    assert refusal(SMALL, tmp_path / "none.safetensors").startswith(f"{tmp_path / 'none.safetensors'}: ")


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
    state, loaded = load_file(SHARED), create_encoder("resnet18", SHARED).body.state_dict()
    assert state.keys() - loaded.keys() == {"fc.weight", "fc.bias"}
    for key, value in loaded.items(): assert torch.equal(value, state[key]), key


def test_the_first_layer_of_other_channels_is_made_of_the_weights(weights):
    file = weights(trained(SMALL))
    rgb, one, five = (next(create_encoder(SMALL, file, channels).parameters()) for channels in (3, 1, 5))
    torch.testing.assert_close(one, rgb.sum(1, keepdim=True))
    torch.testing.assert_close(five, rgb[:, [0, 1, 2, 0, 1]] * 3 / 5)
