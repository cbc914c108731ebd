"`datasets convert`: what it writes can be read, has all images, and says what the source said."

import re
from pathlib import Path

import numpy as np
import pytest
from folders import noise, save_gray, save_palette, stripes, write_folder

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import UserError
from linknet_fastai.workflows.convert import convert


def listed(root: Path, *names: str) -> Path:
    "Images of these names, each with a mask of its own, and a table of them."
    masks = stripes((0, 1), len(names))
    for number, (name, mask) in enumerate(zip(names, masks)):
        noise(root / name, seed=number)
        (root / "truth").mkdir(exist_ok=True)
        save_gray(mask, root / f"truth/{number}.png")
    table = [f"{name},truth/{number}.png,{'val' if number else 'train'}" for number, name in enumerate(names)]
    (root / "list.csv").write_text("\n".join(["image,mask,split", *table]), encoding="utf-8")
    return root


@pytest.mark.parametrize("names", [
    ("seq_1/000.png", "seq/1_000.png", "x/000.png", "x/1_000.png"), ("a/b.png", "c/b.png", "a_b_png.png"),
    ("a/b.png", "c/b.png", "A_B_PNG.jpg", "a_b_png_1.bmp"), ("x/e\u0301.png", "y/\u00e9.png"),
    ("a/0.png", "b/0.png", "c/0.png")])
def test_every_image_keeps_its_mask_and_its_split_under_a_name_of_its_own(tmp_path, names):
    dataset = folder(listed(tmp_path / "source", *names))
    assert f"{len(names)} images" in convert(tmp_path / "source", tmp_path / "plain")
    again = folder(tmp_path / "plain")
    def contents(dataset):
        return {row.image.read_bytes(): (row.split, dataset.read_mask(row.mask).tolist())
                for row in dataset.table.itertuples()}
    assert len(again.table) == len(names) and contents(again) == contents(dataset)


def test_colors_that_two_classes_share_are_left_out(tmp_path):
    red = (200, 0, 0)
    write_folder(tmp_path / "source", stripes((0, 1, 2)), save=save_palette([(0, 0, 0), red, red]))
    convert(tmp_path / "source", tmp_path / "plain")
    assert (tmp_path / "plain/classes.txt").read_text().splitlines() == ["0", "1", "2", "void 255"]
    mask = folder(tmp_path / "plain").read_mask(tmp_path / "plain/masks/03.png")
    np.testing.assert_array_equal(mask, stripes((0, 1, 2))[3])


def test_a_color_that_is_given_may_be_the_default_of_another(tmp_path):
    write_folder(tmp_path / "source", stripes((0, 1, 2)), "road\nsky 0 0 0\ncar 1 2 3\n")
    convert(tmp_path / "source", tmp_path / "plain")
    assert folder(tmp_path / "plain").classes == ("road", "sky", "car")


def test_what_would_not_be_read_as_it_was_is_not_written(tmp_path):
    "Without its color, a class `lane 1 2 3` is `lane` of another."
    source = write_folder(tmp_path / "source", stripes((0, 1, 2)), "road\nsky 0 0 0\nlane 1 2 3 4 5 6\n")
    with pytest.raises(UserError, match=re.escape(f"{tmp_path / 'plain'}: was not written")) as raised:
        convert(source, tmp_path / "plain")
    assert sorted(tmp_path.iterdir()) == [source] and "/.plain" not in str(raised.value)


def test_hidden_images_of_a_table(tmp_path):
    listed(tmp_path / "source", "a.png", "b.png", ".c.png")
    with pytest.raises(UserError, match="2 of its 3 images"): convert(tmp_path / "source", tmp_path / "plain")
    assert not (tmp_path / "plain").exists()
