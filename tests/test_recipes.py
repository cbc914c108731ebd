"The recipe, and the package's front door."

import subprocess
import sys
from dataclasses import fields

import pytest

import linknet_fastai
from linknet_fastai.errors import UserError
from linknet_fastai.recipes import RECIPES, Recipe, recipe_for


@pytest.mark.parametrize("wrong", [
    dict(epochs=0), dict(batch_size=0), dict(size=(0, 64)), dict(size=(64, 63)), dict(lr=0), dict(lr=-1.0), dict(lr="fast"),
    dict(optimizer="sgd"), dict(schedule="flat"), dict(dice=-1.0), dict(scale=(0, 1)), dict(scale=(2, 1)), dict(jitter=-0.1), dict(weight_decay=-1.0)])
def test_what_cannot_train_is_refused(wrong):
    with pytest.raises(UserError): Recipe(**wrong)


def test_every_setting_says_what_it_means():
    for field in fields(Recipe): assert field.metadata["help"].endswith("."), field.name


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, linknet_fastai; print(*{'torch', 'fastai', 'numpy', 'pandas', 'timm'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_every_public_name_is_there():
    for name in linknet_fastai.__all__: assert getattr(linknet_fastai, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"): linknet_fastai.nothing


def test_recipes_know_their_names():
    for name, recipe in RECIPES.items(): assert recipe.name == name
    assert RECIPES["rapid"] == Recipe()


def test_flags_win_over_wishes_and_wishes_over_what_a_recipe_leaves_open():
    wishes = dict(lr=1e-2, size=(512, 1024))
    assert (recipe_for("rapid", wishes).lr, recipe_for("rapid", wishes, lr=3.0).lr) == (1e-2, 3.0)
    assert (recipe_for("paper", wishes).lr, recipe_for("paper", wishes).size) == (5e-4, (512, 1024))
    with pytest.raises(UserError, match="rapid, paper, modified"): recipe_for("slow", {})
