"Whether a dataset is sound: every way in which a sample can be bad."

import os
import shutil
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from linknet_fastai.datasets.camvid import camvid
from linknet_fastai.datasets.check import check
from linknet_fastai.datasets.fingerprint import fingerprint
from linknet_fastai.errors import UserError

REAL = Path(__file__).parents[3] / "shared" / "camvid"


def only_problem(dataset) -> str:
    problems = check(dataset).problems
    assert len(problems) == 1
    return problems.problem.iloc[0]


def test_sound_images(tiny_dataset):
    result = check(tiny_dataset)
    assert result.problems.empty and result.notes == ()
    assert result.usable(skip_bad=False) is tiny_dataset
    assert result.splits.images.to_dict() == {"train": 8, "val": 4}
    assert result.splits.sizes.to_dict() == {"train": "64x64", "val": "64x64"}
    masks = [tiny_dataset.read_mask(path) for path in tiny_dataset.split("train")["mask"]]
    assert result.pixels.train.tolist() == [sum(int((mask == c).sum()) for mask in masks) for c in range(3)]
    void = sum(int((mask == 255).sum()) for mask in masks)
    assert result.splits.void.train == pytest.approx(void / (8 * 64 * 64))
    assert result.frequencies.train.sum() == pytest.approx(1)


def test_a_dataset_of_no_folder(tiny_dataset):
    dataset = replace(tiny_dataset, root=None)
    assert check(dataset).pixels.equals(check(tiny_dataset).pixels)
    assert fingerprint(dataset)["image"].tolist() == [str(path) for path in dataset.table.image]


def test_a_missing_image_and_a_missing_mask(tiny_dataset):
    tiny_dataset.table.image[1].unlink(), tiny_dataset.table["mask"][9].unlink()
    problems = check(tiny_dataset).problems
    assert problems.index.tolist() == [1, 9] and problems.split.tolist() == ["train", "val"]
    assert "01.png: there is no such file" in problems.problem[1]
    assert "09_mask.png: there is no such file" in problems.problem[9]


def test_a_mask_of_another_size(tiny_dataset):
    Image.open(tiny_dataset.table["mask"][2]).crop((0, 0, 64, 60)).save(tiny_dataset.table["mask"][2])
    assert "02_mask.png: the mask is 60x64, its image 64x64" in only_problem(tiny_dataset)


def test_values_that_are_no_class(tiny_dataset):
    Image.new("L", (64, 64), 77).save(tiny_dataset.table["mask"][2])
    problem = only_problem(tiny_dataset)
    assert "02_mask.png: " in problem and " 77," in problem and "tiny3" in problem


def test_a_class_that_never_occurs_in_training(tiny_dataset):
    [note] = check(replace(tiny_dataset, classes=(*tiny_dataset.classes, "roof"))).notes
    assert "roof" in note and "wall" not in note


def test_an_image_in_two_splits_is_left_to_validation(tiny_dataset):
    copy = tiny_dataset.table.image[3]
    Image.open(tiny_dataset.table.image[8]).save(copy, compress_level=0)  # other bytes, equal pixels
    result = check(tiny_dataset)
    assert result.problems.index.tolist() == [3]
    assert "03.png: stands in train, and in val as" in result.problems.problem[3]
    usable = result.usable(skip_bad=True)
    assert len(usable.split("val")) == 4 and len(usable.split("train")) == 7


def test_the_same_image_twice_in_one_split_is_no_problem(tiny_dataset):
    shutil.copy(tiny_dataset.table.image[3], tiny_dataset.table.image[4])
    assert check(tiny_dataset).problems.empty


def test_bad_samples_are_refused_or_left_out(tiny_dataset):
    for index in (1, 5): tiny_dataset.table.image[index].unlink()
    result = check(tiny_dataset)
    with pytest.raises(UserError, match=r"01\.png: .*2 of 12.*--skip-bad"):
        result.usable(skip_bad=False)
    assert result.usable(skip_bad=True).table.index.tolist() == [0, 2, 3, 4, *range(6, 12)]
    assert result.pixels.equals(check(result.usable(skip_bad=True)).pixels)  # bad samples weren't counted


def test_images_without_masks_are_read_and_not_missed(tiny_dataset):
    tiny_dataset.table.loc[tiny_dataset.table.split == "val", ["split", "mask"]] = ["test", None]
    result = check(tiny_dataset)
    assert result.problems.empty and result.splits.masks.to_dict() == {"train": 8, "test": 0}
    with pytest.raises(UserError, match="test images of tiny"): tiny_dataset.split("test")


# files from hell

def png_of_claimed_size(width: int, height: int) -> bytes:
    "A PNG whose header claims a size, with a few bytes of pixels."
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_a_header_of_60000_by_60000_pixels(tiny_dataset):
    tiny_dataset.table.image[0].write_bytes(png_of_claimed_size(60000, 60000))
    assert "00.png: can't be read as an image" in only_problem(tiny_dataset)


def test_a_png_cut_short(tiny_dataset):
    path = tiny_dataset.table["mask"][0]
    path.write_bytes(path.read_bytes()[:-40])
    assert "00_mask.png: can't be read as an image" in only_problem(tiny_dataset)


def test_a_text_file_named_png(tiny_dataset):
    tiny_dataset.table.image[0].write_text("hello")
    assert "00.png: can't be read as an image" in only_problem(tiny_dataset)


def test_an_empty_file(tiny_dataset):
    tiny_dataset.table.image[0].write_bytes(b"")
    assert "00.png: can't be read as an image" in only_problem(tiny_dataset)


@pytest.mark.parametrize("name", ["an image.png", "Straße é 日本.png", "two\nlines.png", "\x1b[31mred.png"])
def test_whatever_a_file_is_named(tiny_dataset, name):
    path = tiny_dataset.table.image[0].rename(tiny_dataset.root / name)
    tiny_dataset.table.loc[0, "image"] = path
    assert check(tiny_dataset).problems.empty
    path.write_text("hello")
    problem = only_problem(tiny_dataset)
    assert problem.isprintable() and "can't be read as an image" in problem


def test_a_symlink_out_of_the_folder_is_not_followed(tiny_dataset, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.png"
    tiny_dataset.table.image[0].rename(secret)
    tiny_dataset.table.image[0].symlink_to(secret)
    assert "00.png: " in (problem := only_problem(tiny_dataset)) and "outside" in problem
    with pytest.raises(UserError, match="outside"): tiny_dataset.read_pixels(tiny_dataset.table.image[0])


def test_a_symlink_within_the_folder_is_followed(tiny_dataset):
    path = tiny_dataset.table.image[0]
    path.rename(path.with_name("other.png"))
    path.symlink_to("other.png")
    assert check(tiny_dataset).problems.empty


def test_a_symlink_to_itself(tiny_dataset):
    path = tiny_dataset.table.image[0]
    path.unlink()
    path.symlink_to(path)
    assert "no such file" in only_problem(tiny_dataset)


def test_a_pipe_does_not_hang(tiny_dataset):
    tiny_dataset.table.image[0].unlink()
    os.mkfifo(tiny_dataset.table.image[0])
    assert "no such file" in only_problem(tiny_dataset)



@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/camvid is not on this machine")
def test_real_camvid_is_sound():
    result = check(camvid(REAL))
    assert result.problems.empty
    assert result.splits.images.to_dict() == {"train": 367, "val": 101}
    row = camvid(REAL).split("val")
    sky = sum(Image.open(path).histogram()[0] for path in row["mask"])
    assert result.pixels.val["Sky"] == sky
