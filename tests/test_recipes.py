"The recipe: what can train, and where its settings come from."

from dataclasses import fields

import pytest

from linknet_fastai.errors import UserError
from linknet_fastai.recipes import RECIPES, Recipe, recipe_for


@pytest.mark.parametrize("wrong", [
    dict(epochs=0), dict(batch_size=0), dict(size=(0, 64)), dict(size=(64, 63)), dict(lr=0), dict(lr=-1.0),
    dict(lr="fast"), dict(optimizer="lion"), dict(schedule="flat"), dict(dice_weight=-1.0), dict(scale=(0, 1)),
    dict(scale=(2, 1)), dict(jitter=-0.1), dict(weight_decay=-1.0), dict(class_weight_power=-1.0),
    dict(freeze_epochs=-1), dict(patience=0), dict(freeze_epochs=1, schedule="steps"),
    dict(class_weights={"road": -1.0}), dict(class_weights={"road": float("nan")}),
    dict(model="enet", encoder="resnet34"), dict(class_weighting="mean"), dict(encoder_first=0.5),
    dict(encoder_first=1.5, model="enet"), dict(encoder_first=0.5, freeze_epochs=1, model="enet"),
    dict(encoder_first=0.5, patience=3, model="enet")])
def test_what_cannot_train_is_refused(wrong):
    with pytest.raises(UserError): Recipe(**wrong)


def test_a_wrong_setting_is_named():
    for name, value in dict(epochs=-7, batch_size=-3, lr="fast", patience=-5, jitter=-0.125).items():
        with pytest.raises(UserError, match=str(value)): Recipe(**{name: value})
    with pytest.raises(UserError, match="'adams'.*did you mean adam"): Recipe(optimizer="adams")


@pytest.mark.parametrize(("name", "flags", "mend"), [
    ("paper", dict(freeze_epochs=2), dict(schedule="one-cycle")),
    ("enet", dict(patience=3), dict(encoder_first=0.0))], ids=str)
def test_what_a_recipe_excludes_is_answered_with_a_flag_that_helps(name, flags, mend):
    [(setting, value)] = mend.items()
    with pytest.raises(UserError, match="--" + setting.replace("_", "-")) as refused: recipe_for(name, {}, **flags)
    if setting != "epochs": assert f"{value}".removesuffix(".0") in str(refused.value)
    recipe_for(name, {}, **flags | mend)


def test_an_encoder_lr_of_0_is_refused_with_the_setting_that_freezes_it():
    "fastai takes a first lr of 0 as none given, and trains the encoder at a tenth of the last."
    with pytest.raises(UserError, match="encoder_lr of 0.*--freeze-epochs"): Recipe(encoder_lr=0)
    with pytest.raises(UserError, match="encoder_lr"): Recipe(encoder_lr=1e-320)  # times an lr it is 0 too


def test_every_setting_says_what_it_means():
    for field in fields(Recipe): assert field.metadata["help"].endswith("."), field.name


def test_recipes_know_their_names():
    for name, recipe in RECIPES.items(): assert recipe.name == name
    assert RECIPES["rapid"] == Recipe()


def test_flags_win_over_defaults_and_defaults_over_what_a_recipe_leaves_open():
    defaults = dict(lr=1e-2, size=(512, 1024))
    assert (recipe_for("rapid", defaults).lr, recipe_for("rapid", defaults, lr=3.0).lr) == (1e-2, 3.0)
    assert (recipe_for("paper", defaults).lr, recipe_for("paper", defaults).size) == (5e-4, (512, 1024))
    with pytest.raises(UserError, match="'papr'.*rapid, best, paper, modified, segnet, enet.*paper"):
        recipe_for("papr", {})


@pytest.mark.parametrize("model", ["linknet", "segnet", "enet"])
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_every_model(name, model):
    "But for what is one model's alone."
    recipe, own = recipe_for(name, {}, model=model), RECIPES[name]
    assert (recipe.model, recipe.optimizer, recipe.lr, recipe.epochs) == (model, own.optimizer, own.lr, own.epochs)
    if model == own.model: assert recipe_for(name, {}, model=model).upsample == own.upsample
    with pytest.raises(UserError, match="--upsample"): recipe_for("paper", {}, model="enet", upsample="deconv")


def test_crops_take_the_place_of_a_dataset_s_own_size():
    recipe = recipe_for("rapid", {"size": (512, 1024)}, crop=(256, 256))
    assert (recipe.crop, recipe.size) == ((256, 256), None)
    assert recipe_for("rapid", {"size": (512, 1024)}).size == (512, 1024)
    with pytest.raises(UserError, match="--crop"): recipe_for("rapid", {}, crop=(256, 256), size=(64, 64))


def test_whole_images_are_normalized_by_themselves_and_crops_on_request():
    assert recipe_for("best", {}).instance_norm and not recipe_for("rapid", {}).instance_norm
    assert not recipe_for("best", {}, instance_norm=False).instance_norm
    assert not recipe_for("best", {}, crop=(256, 256)).instance_norm
    assert recipe_for("best", {}, crop=(256, 256), instance_norm=True).instance_norm
