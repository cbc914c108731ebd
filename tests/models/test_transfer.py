"A trained model's weights in a model of other classes, class by class of the same name."

import pytest
import torch

from linknet_fastai.errors import UserError
from linknet_fastai.models.factory import create_model
from linknet_fastai.models.transfer import transfer_weights

OLD, NEW = ("sky", "road", "car"), ("car", "tree", "road", "pole")
IMAGES = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def create(name: str, num_classes: int, upsample: str = "deconv", seed: int = 0):
    torch.manual_seed(seed)
    return create_model(name, num_classes, "test_resnet", "none", upsample).eval()


@torch.no_grad()
@pytest.mark.parametrize("name, upsample", [("linknet", "deconv"), ("linknet", "subpixel"), ("enet", "deconv")])
def test_logits_of_a_class_of_the_same_name_are_the_same(name, upsample):
    trained, model = create(name, 3, upsample), create(name, 4, upsample, seed=1)
    before = model(IMAGES)
    assert transfer_weights(model, NEW, trained, OLD) == ["tree", "pole"]
    old, new = trained(IMAGES), model(IMAGES)
    for kept in ("car", "road"): torch.testing.assert_close(new[:, NEW.index(kept)], old[:, OLD.index(kept)])
    for fresh in map(NEW.index, ("tree", "pole")):
        assert not torch.allclose(new[:, fresh], before[:, fresh])  # it comes from another decoder


@torch.no_grad()
def test_a_class_that_is_new_keeps_its_own_last_layer():
    trained, model = create("linknet", 3), create("linknet", 4, seed=1)
    weight = model.head[-1].weight.clone()
    transfer_weights(model, NEW, trained, OLD)
    for index, name in enumerate(NEW):
        expected = trained.head[-1].weight[:, OLD.index(name)] if name in OLD else weight[:, index]
        assert torch.equal(model.head[-1].weight[:, index], expected)


@torch.no_grad()
def test_equal_classes_in_another_order_go_by_name():
    trained, model = create("linknet", 3), create("linknet", 3, seed=1)
    assert transfer_weights(model, ("car", "sky", "road"), trained, OLD) == []
    torch.testing.assert_close(model(IMAGES)[:, [1, 2, 0]], trained(IMAGES))


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(UserError, match="--upsample"):
        transfer_weights(create("linknet", 3), OLD, create("linknet", 3, "subpixel"), OLD)
