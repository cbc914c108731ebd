"`linknet-fastai datasets` and `datasets check`."

import shutil

import pandas as pd
import pytest
from command_line import assert_refused, linknet, succeed
from PIL import Image


def test_they_are_listed():
    assert {"streets", "camvid", "cityscapes", "folder"} <= set(succeed("datasets").split())


def test_the_nearest_name_is_suggested(tmp_path):
    assert_refused(linknet("datasets", "check", "camvids", cwd=tmp_path), "'camvids'", "did you mean camvid?")
    assert not list(tmp_path.iterdir())


def test_a_sound_dataset_is_checked(folder, tmp_path):
    printed = succeed("datasets", "check", "camvid", "--data", folder, "--out", tmp_path / "out")
    assert "64x96" in printed and "50.53 %" in printed  # Road: 48 of 95 columns that are not void
    assert any("never" in line and "Building" in line for line in printed.splitlines())
    assert pd.read_csv(tmp_path / "out/classes.csv")["class"].tolist()[:2] == ["Sky", "Building"]
    Image.open(tmp_path / "out/classes.png").verify()


@pytest.mark.parametrize("name", ["my images", "Straßenbilder é", "two\nlines", "[bold]"])
def test_a_folder_may_have_any_name(folder, tmp_path, name):
    data = shutil.copytree(folder, tmp_path / name)
    succeed("datasets", "check", "camvid", "--data", data, "--out", tmp_path / "out")
    (data / "train" / "5.png").write_text("hello")
    result = linknet("datasets", "check", "camvid", "--data", data, "--out", tmp_path / "out")
    assert_refused(result, "1 of 14")
    assert f"{name}/train/5.png" in result.stdout.replace("\\n", "\n")


def test_an_unsound_dataset_is_listed_whole(broken, tmp_path):
    (broken / "trainannot" / "3.png").unlink()
    shutil.copy(broken / "train" / "5.png", broken / "val" / "0.png")
    result = linknet("datasets", "check", "camvid", "--data", broken, "--out", tmp_path / "out")
    assert_refused(result, broken, "2 of 14")
    assert "trainannot/3.png" in result.stdout
    assert any("train/5.png" in line and "val/0.png" in line for line in result.stdout.splitlines())
