"The recipe, and the package's front door."

import subprocess
import sys
from dataclasses import fields

import pytest

import linknet_fastai
from linknet_fastai.errors import UserError
from linknet_fastai.training.recipes import Recipe


@pytest.mark.parametrize("wrong", [
    dict(epochs=0), dict(batch_size=0), dict(size=(0, 64)), dict(size=(64, 63)), dict(lr=0), dict(lr=-1.0), dict(lr="fast"),
    dict(scale=(0, 1)), dict(scale=(2, 1)), dict(lighting=-0.1), dict(weight_decay=-1.0)])
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
