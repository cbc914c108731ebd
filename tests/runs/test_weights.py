import json
import pickle
import resource
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from linknet_fastai.errors import UserError
from linknet_fastai.images.format import ImageFormat
from linknet_fastai.models.autocast import autocast_model, plain_model
from linknet_fastai.models.linknet import LinkNet, linknet
from linknet_fastai.runs.tensors import FORMAT, KEY, write_tensors
from linknet_fastai.runs.weights import ModelCard, load_card, load_weights, save_weights
from linknet_fastai.runtime.device import Machine

CARD = ModelCard("test_resnet", "deconv", ("sky", "röad", "tree"), ((1, 2, 3), (4, 5, 6), (7, 8, 9)), (64, 96),
                 (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "tiny3")
IMAGES = torch.randn(2, 3, 40, 64, generator=torch.Generator().manual_seed(0))


def trained_linknet(card: ModelCard = CARD) -> LinkNet:
    "With BatchNorm statistics as no fresh model has them."
    torch.manual_seed(0)
    model = linknet(len(card.classes), card.encoder, "none", card.upsample)
    model(IMAGES)
    return model.eval()


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as raised: load_weights(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ") and message.endswith((".", "?"))
    return message


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.safetensors"


@torch.no_grad()
@pytest.mark.parametrize("card", [CARD, replace(CARD, encoder="test_convnext", upsample="subpixel")],
                         ids=lambda card: f"{card.encoder} {card.upsample}")
def test_what_is_saved_comes_back_with_identical_logits_and_card(path, card):
    model = trained_linknet(card)
    save_weights(path, model, card)
    loaded, its_card = load_weights(path)
    assert its_card == card
    assert torch.equal(loaded(IMAGES), model(IMAGES))


def test_what_is_loaded_is_ready_to_predict(path):
    save_weights(path, trained_linknet().train(), CARD)
    model, _ = load_weights(path)
    assert not any(module.training for module in model.modules())


@torch.no_grad()
def test_a_model_that_computed_in_bf16_is_saved_as_it_was(path):
    "Neither channels-last nor bf16 leave a trace in the file."
    model = autocast_model(trained_linknet(), Machine.choose("cpu", "bf16"))
    save_weights(path, plain_model(model), CARD)
    assert torch.equal(load_weights(path)[0](IMAGES), trained_linknet()(IMAGES))


def test_saving_replaces_the_old_file_and_leaves_nothing_beside_it(path):
    save_weights(path, trained_linknet(), CARD)
    save_weights(path, trained_linknet(), replace(CARD, protocol="other"))
    assert load_card(path).protocol == "other"
    assert list(path.parent.iterdir()) == [path]


def test_the_metadata_says_what_is_needed_to_use_the_file(path):
    save_weights(path, trained_linknet(), CARD)
    with safe_open(path, "pt") as file: found = json.loads(file.metadata()[KEY])
    assert len(found.pop("sha256")) == 64
    assert found == json.loads(json.dumps({"format": FORMAT, **asdict(CARD)}))
    assert found["classes"] == ["sky", "röad", "tree"] and found["size"] == [64, 96]


def test_a_missing_file_is_named(path):
    assert "there is no such file" in refusal(path)


def test_a_file_without_our_metadata_is_refused(path):
    save_file(trained_linknet().state_dict(), path)
    assert "was not written by this program" in refusal(path)
    save_file(trained_linknet().state_dict(), path, {"format": "pt"})
    assert "was not written by this program" in refusal(path)


@pytest.mark.parametrize("keep", [0, 5, 0.5, -1])
def test_a_truncated_file_is_refused(path, keep):
    "Nothing, a part of the header's length, half, all but a byte."
    save_weights(path, trained_linknet(), CARD)
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * keep) if keep == 0.5 else keep])
    assert "can't be read as safetensors" in refusal(path)


@pytest.mark.parametrize("place", [-1, -100_000])
def test_a_flipped_bit_is_found(path, place):
    save_weights(path, trained_linknet(), CARD)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert "checksum" in refusal(path)


def test_a_file_without_its_checksum_is_refused(path):
    save_file(trained_linknet().state_dict(), path, {KEY: json.dumps({"format": FORMAT, **asdict(CARD)})})
    assert "checksum" in refusal(path)


def test_a_pickle_is_refused_and_not_run(path):
    class Trap:
        def __reduce__(self): return Path.touch, (path.with_name("sprung"),)
    path.write_bytes(pickle.dumps(Trap()))
    assert "can't be read as safetensors" in refusal(path)
    assert not path.with_name("sprung").exists()


def test_a_file_of_the_version_before_is_read(path, monkeypatch):
    "Its card knows no instance norm."
    model = trained_linknet()
    monkeypatch.setattr("linknet_fastai.runs.tensors.FORMAT", 5)
    write_tensors(path, model.state_dict(), {name: value for name, value in asdict(CARD).items()
                                             if name != "instance_norm"})
    monkeypatch.undo()
    loaded, card = load_weights(path)
    assert card == CARD and not card.instance_norm
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


def test_another_format_is_refused(path):
    save_file(trained_linknet().state_dict(), path, {KEY: json.dumps({"format": FORMAT + 1, **asdict(CARD)})})
    assert f"format {FORMAT + 1}" in refusal(path)


@pytest.mark.parametrize("change", [
    lambda state: state | {"head.0.weight": torch.zeros(2, 2)},
    lambda state: {key: value for key, value in state.items() if key != "head.0.weight"},
    lambda state: state | {"tail.weight": torch.zeros(2)}], ids=["shape", "missing", "too many"])
def test_weights_that_don_t_fit_their_card_are_refused(path, change):
    save_weights(path, trained_linknet(), CARD)
    write_tensors(path, change(load_file(path)), asdict(CARD))
    assert "don't fit" in refusal(path)


@pytest.mark.parametrize("metadata", ["{", "[]", "{}", json.dumps({"format": FORMAT})],
                         ids=["cut", "list", "empty", "no fields"])
def test_damaged_metadata_is_refused(path, metadata):
    save_file(trained_linknet().state_dict(), path, {KEY: metadata})
    refusal(path)


@pytest.mark.parametrize(("change", "said"), [
    ({"classes": "sky"}, "classes"), ({"size": [64]}, "size.1"), ({"palette": [[1, 2, 3]]}, "1 colors for 3 classes"),
    ({"encoder": {"name": "resnet18"}}, "encoder"), ({"encoder": "hf-hub:stranger/model"}, "stranger/model")],
    ids=["classes", "size", "palette", "encoder", "hub"])
def test_a_card_from_a_stranger_is_refused_where_a_value_can_t_be(path, change, said):
    write_tensors(path, trained_linknet().state_dict(), json.loads(json.dumps(asdict(CARD))) | change)
    assert said in refusal(path)


@contextmanager
def full_disk():
    "A limit on the size of files stands for it; around the one call, since pytest's own log may be a file."
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try: yield
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_one_message(path):
    model = trained_linknet()
    with pytest.raises(UserError) as raised, full_disk(): save_weights(path, model, CARD)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(path):
    path.write_text("old")
    model = trained_linknet()
    with pytest.raises(UserError), full_disk(): save_weights(path, model, CARD)
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]


def test_a_card_of_another_number_of_channels_than_of_means_is_refused(path):
    model = trained_linknet()
    write_tensors(path, model.state_dict(), asdict(CARD) | {"channels": 4})
    assert "3 means and 3 deviations for 4 channels" in refusal(path)
    older = {name: value for name, value in asdict(CARD).items() if name not in ("channels", "value_range")}
    write_tensors(path, model.state_dict(), older)
    assert load_card(path).image_format == ImageFormat(3, None)
