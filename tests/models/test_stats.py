"What images are normalized by."

from pathlib import Path

import pytest

from linknet_fastai.errors import UserError
from linknet_fastai.models.stats import model_stats, refuse_other_stats
from linknet_fastai.recipes import Recipe

LITE = Recipe(encoder="tf_efficientnet_lite0")


@pytest.mark.parametrize(("recipe", "mean", "std"), [
    (Recipe(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    (Recipe(encoder="tf_efficientnet_lite0"), (0.5,) * 3, (0.5,) * 3),
    (Recipe(encoder="timm/tf_efficientnet_lite0.in1k"), (0.5,) * 3, (0.5,) * 3),
    (Recipe(model="segnet"), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    (Recipe(model="enet"), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
def test_every_encoder_has_its_own_normalization(recipe, mean, std):
    assert model_stats(recipe) == (mean, std)
    assert model_stats(recipe, channels=4) == ((*mean, mean[0]), (*std, std[0]))


def test_a_run_that_was_normalized_otherwise_is_refused():
    refuse_other_stats(Path("run"), (0.5,) * 3, (0.5,) * 3, LITE)
    assert model_stats(Recipe(), channels=1) == ((0.449,), (0.226,))  # gray: the mean of ImageNet's three
    refuse_other_stats(Path("run"), (0.449,), (0.226,), Recipe())
    with pytest.raises(UserError, match=r"^run: .*0\.485.*0\.5"):
        refuse_other_stats(Path("run"), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), LITE)
