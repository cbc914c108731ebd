"A model by its name."

import pytest
import torch

from linknet_fastai.errors import UserError
from linknet_fastai.models.enet import ENet
from linknet_fastai.models.factory import MODELS, create_model, describe_model, untrained_model
from linknet_fastai.models.linknet import LinkNet
from linknet_fastai.models.segnet import SegNet
from linknet_fastai.recipes import Recipe


@pytest.mark.parametrize("name, kind", list(zip(MODELS, (LinkNet, SegNet, ENet))))
def test_each_name_is_its_model(name, kind):
    with torch.device("meta"): model = create_model(name, 5, weights="none")
    assert type(model) is kind and model.num_classes == 5


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="'linkent'.*did you mean linknet"): create_model("linkent", 5)


def test_enet_takes_no_weights():
    with pytest.raises(UserError, match=r"resnet18\.safetensors: .*ENet"):
        create_model("enet", 5, weights="resnet18.safetensors")


def test_a_recipe_s_model_is_made_of_its_parts():
    recipe = Recipe(encoder="test_resnet", upsample="subpixel")
    model = untrained_model(recipe, 4).eval()
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 4, 32, 32)
    assert all(part in describe_model(recipe) for part in ("test_resnet", "imagenet", "subpixel"))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("channels", [1, 4])
def test_each_model_takes_images_of_other_channels(name, channels):
    with torch.device("meta"):
        model = create_model(name, 5, weights="none", in_channels=channels).eval()
        assert model(torch.zeros(1, channels, 40, 40)).shape == (1, 5, 40, 40)


def test_enet_has_no_room_for_16_channels():
    with pytest.raises(UserError, match="ENet takes fewer than 16 channels, the images have 16"):
        create_model("enet", 5, weights="none", in_channels=16)
