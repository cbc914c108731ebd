"CamVid's list layout, and the real pictures where they are."

from pathlib import Path

import pytest
from PIL import Image

from linknet_fastai.datasets.camvid import CLASSES, PALETTE, camvid
from linknet_fastai.errors import UserError

REAL = Path(__file__).parents[2] / "shared" / "camvid"


def touch(path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4)).save(path)


def test_lists_are_followed_whatever_stands_before_their_paths(tmp_path):
    for name in ("train/a.png", "trainannot/a.png"): touch(tmp_path / name)
    (tmp_path / "train.txt").write_text("/SegNet/CamVid/train/a.png /SegNet/CamVid/trainannot/a.png\r\n\r\n")
    table = camvid(tmp_path).table
    assert table.values.tolist() == [[tmp_path / "train/a.png", tmp_path / "trainannot/a.png", "train"]]


def test_the_longest_end_of_a_path_wins(tmp_path):
    for name in ("x.png", "train/x.png", "m.png"): touch(tmp_path / name)
    (tmp_path / "val.txt").write_text("/elsewhere/train/x.png m.png\n")
    assert camvid(tmp_path).table.image[0] == tmp_path / "train/x.png"


def test_a_line_of_three_words_is_named(tmp_path):
    (tmp_path / "train.txt").write_text("a b c\n")
    with pytest.raises(UserError, match="line 1"): camvid(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/camvid is not on this machine")
def test_the_real_pictures():
    dataset = camvid(REAL)
    assert dataset.table.split.value_counts().to_dict() == {"train": 367, "val": 101}
    assert (len(dataset.classes), dataset.protocol) == (11, "camvid11")
    row = dataset.split("train").iloc[0]
    mask = dataset.read_mask(row["mask"], size=(360, 480))
    raw = Image.open(row["mask"])
    assert (mask == 255).sum() == raw.histogram()[11]  # what is unlabelled is void
    assert all((mask == c).sum() == raw.histogram()[c] for c in range(11))


def test_every_class_has_a_colour_of_its_own():
    assert len(CLASSES) == len(set(PALETTE)) == 11
