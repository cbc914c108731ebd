"A user's own folder, in the shapes in which people have it."

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from linknet_fastai.dataset_options import DatasetOptions
from linknet_fastai.datasets import open_dataset
from linknet_fastai.datasets.check import check
from linknet_fastai.datasets.folder import folder
from linknet_fastai.datasets.masks.mask_values import distinct_colors
from linknet_fastai.errors import UserError
from linknet_fastai.workflows.split import split_folder

MASK = np.array([[0, 1, 2], [2, 255, 0]], dtype=np.uint8)
BLACK = np.zeros((2, 3, 3))
COLORS = {"sea": (0, 0, 200), "sandy beach": (200, 200, 0)}


def write(path: Path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(BLACK if pixels is None else pixels, dtype=np.uint8)).save(path)


def fill(root: Path, count: int = 10, mask=MASK, images: str = "images", masks: str = "masks", below: str = "") -> Path:
    for number in range(count):
        write(root / below / images / f"{number}.jpg", np.full((2, 3, 3), 20 * number))
        write(root / below / masks / f"{number}.png", mask)
    return root


def first_mask(dataset) -> list:
    return dataset.read_mask(dataset.table["mask"][0]).tolist()


def test_values_are_counted_and_the_user_told(tmp_path):
    dataset = folder(fill(tmp_path))
    assert dataset.classes == ("0", "1", "2") and dataset.protocol == "folder3"
    assert first_mask(dataset) == MASK.tolist()
    assert "no classes.txt" in dataset.note and "255 is void" in dataset.note
    notes = check(dataset).notes
    assert notes[0] == dataset.note and dataset.split_source in notes[1]


def test_a_class_may_be_ignored(tmp_path):
    (fill(tmp_path) / "classes.txt").write_text("sky\nroad\ncar\n")
    for opened in (folder(tmp_path, DatasetOptions(ignore=("road",))),
                   open_dataset("folder", tmp_path, DatasetOptions(ignore=("road",)))):
        assert opened.classes == ("sky", "car") and first_mask(opened) == [[0, 255, 1], [1, 255, 0]]


def test_values_with_gaps_become_classes_in_a_row(tmp_path):
    dataset = folder(fill(tmp_path, mask=[[7, 40, 255]] * 2))  # 255 is void beside a run from 0 only
    assert dataset.classes == ("7", "40", "255") and first_mask(dataset) == [[0, 1, 2]] * 2


@pytest.mark.parametrize("names", [None, "background\nroad\n"])
def test_binary_masks_of_0_and_255(tmp_path, names):
    fill(tmp_path, mask=[[0, 255, 0]] * 2)
    if names: (tmp_path / "classes.txt").write_text(names)
    dataset = folder(tmp_path)
    assert first_mask(dataset) == [[0, 1, 0]] * 2
    assert dataset.classes == (("background", "road") if names else ("0", "255"))


def test_binary_masks_of_one_bit(tmp_path):
    fill(tmp_path)
    for path in (tmp_path / "masks").iterdir(): Image.fromarray(MASK > 0).convert("1").save(path)
    assert first_mask(folder(tmp_path)) == [[0, 1, 1], [1, 1, 0]]


def test_names_with_spaces_and_colors(tmp_path):
    fill(tmp_path, mask=[[0, 1, 255]] * 2)
    (tmp_path / "classes.txt").write_text("\ufeffsea 0 0 200\r\n\r\nsandy beach 200 200 0\r\n", encoding="utf-8")
    dataset = folder(tmp_path)
    assert dataset.classes == ("sea", "sandy beach") and dataset.palette == ((0, 0, 200), (200, 200, 0))
    assert first_mask(dataset) == [[0, 1, 255]] * 2


def test_a_value_beyond_the_named_classes_is_a_problem_of_its_file_or_of_all(tmp_path):
    (fill(tmp_path, mask=[[0, 1, 255]] * 2) / "classes.txt").write_text("sea\nbeach\n")
    write(tmp_path / "masks" / "3.png", MASK)
    [problem] = check(folder(tmp_path)).problems.problem
    assert "3.png" in problem and "values 2," in problem and "folder2" in problem
    for part in ("sea, beach", "0 (", "1 (", "2 ("): assert part in refusal(fill(tmp_path))


def test_masks_in_named_colors(tmp_path):
    pixels = np.array([[COLORS["sea"], COLORS["sandy beach"], (0, 0, 0)]] * 2)
    (fill(tmp_path, mask=pixels) / "classes.txt").write_text("sea 0 0 200\nsandy beach 200 200 0\n")
    assert first_mask(folder(tmp_path)) == [[0, 1, 255]] * 2  # black is nobody's color: void


def test_black_may_be_a_class(tmp_path):
    pixels = np.array([[COLORS["sea"], (0, 0, 0), (0, 0, 0)]] * 2)
    (fill(tmp_path, mask=pixels) / "classes.txt").write_text("rest 0 0 0\nsea 0 0 200\n")
    assert first_mask(folder(tmp_path)) == [[1, 0, 0]] * 2


def test_masks_in_colors_without_names(tmp_path):
    pixels = np.array([[COLORS["sea"], COLORS["sandy beach"], (0, 0, 0)]] * 2)
    dataset = folder(fill(tmp_path, mask=pixels))
    assert dataset.classes == ("#000000", "#0000c8", "#c8c800")
    assert set(dataset.palette) == {(0, 0, 0), *COLORS.values()}
    mask = dataset.read_mask(dataset.table["mask"][0])
    assert (np.array(dataset.palette)[mask] == pixels).all()


def test_palette_masks_go_by_their_indices(tmp_path):
    fill(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        image = Image.fromarray(MASK)
        image.putpalette([value for level in range(255, -1, -1) for value in (level,) * 3])
        image.save(path)
    assert first_mask(folder(tmp_path)) == MASK.tolist()


def test_a_split_is_drawn_and_written_on_request_only(tmp_path):
    dataset = folder(fill(tmp_path))
    assert dataset.table.split.value_counts().to_dict() == {"train": 8, "val": 2}
    assert folder(tmp_path).table.equals(dataset.table) and not (tmp_path / "splits.csv").exists()
    path, counts = split_folder(dataset)
    assert path == tmp_path / "splits.csv" and counts == {"train": 8, "val": 2}
    again = folder(tmp_path)
    assert again.table.equals(dataset.table) and again.split_source == "splits.csv"
    with pytest.raises(UserError, match="splits.csv"): split_folder(again)


def test_splits_csv_may_be_the_user_s_own(tmp_path):
    fill(tmp_path, count=3)
    own = pd.DataFrame({"image": [f"images/{n}.jpg" for n in range(3)], "split": ["test", "val", "train"]})
    own.to_csv(tmp_path / "splits.csv")
    assert folder(tmp_path).table.split.tolist() == ["test", "val", "train"]


@pytest.mark.parametrize("name", ["splits.csv", "classes.txt"])
def test_a_link_to_nothing_is_not_passed_over(tmp_path, name):
    "A split would be drawn, or classes be counted, in the place of the user's."
    (fill(tmp_path) / name).symlink_to(tmp_path / "nowhere")
    assert str(tmp_path / name) in refusal(tmp_path)


@pytest.mark.parametrize("layout", ["split first", "part first"])
def test_folders_may_be_the_splits(tmp_path, layout):
    for split, count in {"train": 3, "val": 2, "test": 1}.items():
        if layout == "split first": fill(tmp_path, count, below=split)
        else: fill(tmp_path, count, images=f"images/{split}", masks=f"masks/{split}")
    dataset = folder(tmp_path)
    assert dataset.table.split.value_counts().to_dict() == {"train": 3, "val": 2, "test": 1}
    assert all(row["mask"].stem == row.image.stem and split in row["mask"].parts
               for split in dataset.splits for _, row in dataset.split(split).iterrows())
    assert not (tmp_path / "splits.csv").exists()


def test_other_names(tmp_path):
    options = DatasetOptions(images="photos", masks="truth")
    dataset = open_dataset("folder", fill(tmp_path, images="photos", masks="truth"), options)
    assert len(dataset.table) == 10 and {name: dataset.options[name] for name in ("images", "masks")} == {
        "images": "photos", "masks": "truth"}


def test_partners_that_are_missing_are_problems_of_their_samples(tmp_path):
    fill(tmp_path)
    (tmp_path / "images" / "3.jpg").unlink(), (tmp_path / "masks" / "5.png").unlink()
    problems = check(folder(tmp_path)).problems.problem.tolist()
    assert len(problems) == 2
    assert f"{tmp_path}/images/3.png: there is no such file" in problems[0]
    assert f"{tmp_path}/masks/5.png: there is no such file" in problems[1]


def test_names_with_line_breaks(tmp_path):
    fill(tmp_path)
    for part, suffix in (("images", ".jpg"), ("masks", ".png")):
        (tmp_path / part / f"3{suffix}").rename(tmp_path / part / f"three\nlines, é{suffix}")
    first = folder(tmp_path)
    split_folder(first)
    again = folder(tmp_path)  # reads splits.csv
    assert first.table.equals(again.table) and check(again).problems.empty


def test_colors_have_to_be_told_apart():
    colors = distinct_colors(255)
    assert len(set(colors)) == 255 and colors[:3] == ((0, 0, 0), (128, 0, 0), (0, 128, 0))


def refusal(root: Path, **options) -> str:
    with pytest.raises(UserError) as error: folder(root, DatasetOptions(**options))
    assert str(root) in error.value.message
    return error.value.message


def test_an_empty_folder(tmp_path): assert "holds no images in images/" in refusal(tmp_path)


def test_no_folder(tmp_path): assert "no such folder" in refusal(tmp_path / "nowhere")


def test_no_masks(tmp_path):
    write(tmp_path / "images/0.png")
    assert "holds no masks in masks/" in refusal(tmp_path)


def test_without_data():
    with pytest.raises(UserError, match="--data DIR"): folder()


def test_one_image(tmp_path):
    assert "1 of 1 samples can be used, and a draw of those to validate on needs 2" in refusal(fill(tmp_path, count=1))


@pytest.mark.parametrize("spoil, part", [
    (lambda path: Image.new("L", (5, 5)).save(path), "the mask is 5x5"),
    (lambda path: path.write_bytes(b""), "can't be read")])
def test_too_few_sound_samples_name_the_first_that_is_not(tmp_path, spoil, part):
    fill(tmp_path, count=3)
    for number in (1, 2): spoil(tmp_path / "masks" / f"{number}.png")
    message = refusal(tmp_path)
    assert "1 of 3 samples" in message and f"first {tmp_path / 'masks/1.png'}" in message and part in message


def test_training_images_without_any_to_validate_on(tmp_path):
    dataset = folder(fill(tmp_path, below="train"))
    assert any("no val images" in note for note in check(dataset).notes)
    with pytest.raises(UserError, match=f"{tmp_path}: has no val images by the folders, only train"):
        dataset.split("val")
    with pytest.raises(UserError, match="'vall' is unknown.*did you mean val"): dataset.split("vall")


def test_a_stray_image_beside_the_splits(tmp_path):
    fill(tmp_path, below="train"), fill(tmp_path, 1)
    assert "images/0.jpg: " in refusal(tmp_path)


def test_two_images_of_one_stem(tmp_path):
    write(fill(tmp_path) / "images/3.png")
    assert "has the same name as" in refusal(tmp_path)


def test_a_new_image_needs_a_split(tmp_path):
    split_folder(folder(fill(tmp_path)))
    fill(tmp_path, count=11)
    assert "splits.csv: has no line for images/10.jpg" in refusal(tmp_path)


@pytest.mark.parametrize("content, part", [
    ("image,split\nimages/0.jpg,training\n", "line 2 has the split 'training'"), ("a,b\n1,2\n", "needs the columns"),
    ("", "is no table"), ("\0", "splits.csv")])
def test_bad_splits(tmp_path, content, part):
    (fill(tmp_path) / "splits.csv").write_text(content)
    assert part in refusal(tmp_path)


@pytest.mark.parametrize("content, part", [("", "names no class"), ("sea\nsea\n", "names a class twice")])
def test_bad_names(tmp_path, content, part):
    (fill(tmp_path) / "classes.txt").write_text(content)
    assert part in refusal(tmp_path)


def test_colors_need_names_with_colors(tmp_path):
    pixels = np.array([[COLORS["sea"], COLORS["sandy beach"], (0, 0, 0)]] * 2)
    (fill(tmp_path, mask=pixels) / "classes.txt").write_text("sea\nbeach 200 200 0\n")
    assert "sea has no color" in refusal(tmp_path)
    (tmp_path / "classes.txt").write_text("sea 1 2 3\nbeach 1 2 3\n")
    assert "two classes have the same color" in refusal(tmp_path)


def test_photographs_are_no_masks(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3))
    assert "smoothed or compressed" in refusal(fill(tmp_path, mask=noise))


def test_void_only(tmp_path): assert "255" in refusal(fill(tmp_path, mask=[[255, 255, 255]] * 2))


def test_masks_that_cannot_be_read(tmp_path):
    fill(tmp_path)
    for path in (tmp_path / "masks").iterdir(): path.write_text("hello")
    assert "none of its masks can be read" in refusal(tmp_path)


def test_another_number_of_classes_than_asked_for(tmp_path):
    assert "is folder3, not folder4" in refusal(fill(tmp_path), protocol="folder4")


def test_names_of_parts_are_for_folders_only():
    with pytest.raises(UserError, match="--masks.*`folder`"): open_dataset("streets",
                                                                           options=DatasetOptions(masks="truth"))


def test_the_split_is_that_of_folders_with_names_that_are_given(tmp_path):
    for split in ("train", "val"): fill(tmp_path, 3, images=f"{split}_pics", masks=f"{split}_truth")
    dataset = folder(tmp_path, DatasetOptions(images="pics", masks="truth"))
    assert dataset.split_source == "the folders"
    assert [path.parent.name for path in dataset.table.image] == [f"{split}_pics" for split in dataset.table.split]


def test_splits_csv_comes_before_folders(tmp_path):
    for split in ("train", "val"): fill(tmp_path, 2, below=split)
    names = [f"{split}/images/{number}.jpg" for split in ("train", "val") for number in range(2)]
    (tmp_path / "splits.csv").write_text("image,split\n" + "".join(
        f"{name},{split}\n" for name, split in zip(names, ("val", "train", "train", "test"))))
    dataset = folder(tmp_path)
    assert list(dataset.table.split) == ["val", "train", "train", "test"] and dataset.split_source == "splits.csv"


def test_a_run_s_split_is_not_that_of_other_data_with_a_split_of_their_own(tmp_path):
    "One image of another folder is called as one of the run's."
    (tmp_path / "run.csv").write_text("image,split\nimages/0.jpg,train\nimages/77.jpg,val\n")
    options = DatasetOptions(splits=str(tmp_path / "run.csv"))
    root = fill(tmp_path / "data", 3)
    assert list(folder(root, options).table.split.fillna("")) == ["train", "", ""]  # it has no other
    (root / "splits.csv").write_text("image,split\nimages/0.jpg,val\nimages/1.jpg,train\nimages/2.jpg,train\n")
    assert list(folder(root, options).table.split) == ["val", "train", "train"]


def test_a_folder_that_can_t_be_read_is_no_empty_one(tmp_path, monkeypatch):
    fill(tmp_path, 3)
    scandir = os.scandir
    def refused(path):
        if str(path).endswith("masks"): raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)
    monkeypatch.setattr(os, "scandir", refused)
    assert f"{tmp_path / 'masks'}: can't be read (Permission denied)" in refusal(tmp_path)
