"What lies in a folder is recognised: images, their masks, their splits."

import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from folders import EXAMPLES, noise, pascal_voc, save_gray, stripes, write_files, write_folder
from PIL import Image

from linknet_fastai.dataset_options import DatasetOptions
from linknet_fastai.datasets.check import check
from linknet_fastai.datasets.folder import DRAWN, folder
from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID


def opened(root: Path, **options): return folder(root, DatasetOptions(**options))


def refusal(root: Path, **options) -> str:
    with pytest.raises(UserError) as raised: opened(root, **options)
    return str(raised.value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_image_has_its_own_mask(name, tmp_path):
    "Image and mask have one number in their names, and the check finds nothing."
    dataset = folder(EXAMPLES[name](tmp_path))
    assert len(dataset.table) >= 4 and check(dataset).problems.empty
    for row in dataset.table.itertuples():
        assert re.findall(r"\d+", row.image.stem) == re.findall(r"\d+", row.mask.stem), row
    assert dataset.split_source and dataset.note.startswith("found ")


@pytest.mark.parametrize("train, val", [
    ("train", "val"), ("training", "validation"), ("Train", "Val"), ("train2017", "val2017"), ("train", "valid"),
                                        ("TRAIN", "Valid")])
def test_a_split_that_people_made_is_kept(tmp_path, train, val):
    names = [f"{split}/{{}}/{split}{n}.png" for split in (train, val) for n in range(3)]
    dataset = folder(write_files(tmp_path, [name.format("images") for name in names],
                                 [name.format("masks") for name in names]))
    assert {row.image.parts[-3]: row.split for row in dataset.table.itertuples()} == {train: "train", val: "val"}
    assert dataset.split_source == "the folders" and "the folders" in " ".join(check(dataset).notes)


def test_pascal_voc_s_lists_and_its_void(tmp_path):
    dataset = folder(EXAMPLES["pascal-voc"](tmp_path))
    assert {row.image.stem: row.split for row in dataset.table.itertuples()} == {"0": "train", "1": "train",
                                                                                 "2": "train", "3": "val"}
    assert dataset.values[255] == VOID and dataset.split_source == "ImageSets/Segmentation"
    (tmp_path / "ImageSets/Segmentation/val.txt").write_text("3\n0\n")
    assert "val.txt: names 0, which is in train" in refusal(tmp_path)


def test_an_image_in_two_lines_of_splits_csv_is_refused(tmp_path):
    write_folder(tmp_path, stripes((0, 1)))
    rows = [f"images/{n:02}.png,{'val' if n < 3 else 'train'}" for n in range(10)]
    (tmp_path / "splits.csv").write_text("\n".join(["image,split", *rows, "images/04.png,val"]))
    message = refusal(tmp_path)
    assert "splits.csv" in message and "line 12" in message and "images/04.png" in message


def test_a_drawn_split_is_the_same_whatever_the_order_and_writes_nothing(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1)))
    for path in (root, root / "images", root / "masks"): path.chmod(0o555)
    first, again = folder(root), folder(root)
    assert first.split_source == DRAWN and list(first.table.split) == list(again.table.split)
    assert first.table.split.value_counts().to_dict() == {"train": 8, "val": 2} and not (root / "splits.csv").exists()


def test_a_split_is_drawn_after_bad_samples_are_out(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1)))
    for number in (1, 4, 7): (root / "images" / f"{number:02}.png").write_text("hello")
    result = check(folder(root))
    sound = result.usable(skip_bad=True)
    assert len(result.problems) == 3 and sound.table.split.value_counts().to_dict() == {"train": 6, "val": 1}


@pytest.mark.parametrize("mask", ["{}_mask.png", "{}_L.png", "{}_P.png", "mask_{}.png", "{}_labelIds.png",
                                  "{}_seg.png"])
@pytest.mark.parametrize("folders", [("", ""), ("images/", "masks/"), ("photos/", "labels/")])
def test_masks_are_found_by_the_names_that_tools_give(tmp_path, mask, folders):
    numbers = range(5)
    write_files(tmp_path, [f"{folders[0]}a{n}.jpg" for n in numbers],
                [folders[1] + mask.format(f"a{n}") for n in numbers])
    dataset = folder(tmp_path)
    assert [(row.image.stem, row.mask.name) for row in dataset.table.itertuples()] == [(f"a{n}", mask.format(f"a{n}"))
                                                                                       for n in numbers]


def test_any_pattern_may_be_named(tmp_path):
    write_files(tmp_path, [f"images/{n}.png" for n in range(4)], [f"masks/x{n}y.png" for n in range(4)])
    dataset = opened(tmp_path, mask_pattern="x{stem}y.png")
    assert [row.mask.stem for row in dataset.table.itertuples()] == ["x0y", "x1y", "x2y", "x3y"]
    assert dataset.options["mask_pattern"] == "x{stem}y.png"
    assert "{stem}" in refusal(tmp_path, mask_pattern="xy.png")


def test_images_and_masks_may_be_paths(tmp_path):
    write_files(tmp_path, [f"data/imgs/{n}.png" for n in range(4)], [f"data/truth/{n}.png" for n in range(4)])
    assert len(opened(tmp_path, images="data/imgs", masks="data/truth").table) == 4
    assert "nowhere" in refusal(tmp_path, images="nowhere", masks="data/truth")


def test_what_systems_and_editors_leave_is_no_image(tmp_path):
    write_folder(tmp_path, stripes((0, 1)))
    for name in ("images/._00.png", "masks/._00.png", "__MACOSX/images/00.png",
                 "images/.ipynb_checkpoints/00-checkpoint.png",
                 "images/Thumbs.db", ".hidden/masks/00.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0" * 10)
    dataset = folder(tmp_path)
    assert len(dataset.table) == 10 and check(dataset).problems.empty


def test_letters_with_accents_match_in_either_form(tmp_path):
    for number, mask in enumerate(stripes((0, 1), 4)):
        noise(tmp_path / "images" / unicodedata.normalize("NFD", f"été{number}.png"))
        (tmp_path / "masks").mkdir(exist_ok=True)
        save_gray(mask, tmp_path / "masks" / unicodedata.normalize("NFC", f"été{number}.png"))
    assert check(folder(tmp_path)).problems.empty and len(folder(tmp_path).table) == 4


def test_lists_may_have_accents_in_either_form_and_backslashes(tmp_path):
    names = [unicodedata.normalize("NFD", f"bär{number}") for number in range(4)]
    write_files(tmp_path, [f"images/{name}.png" for name in names], [f"masks/{name}.png" for name in names])
    composed = [unicodedata.normalize("NFC", name) for name in names]
    (tmp_path / "splits.csv").write_text("image,split\n" + "".join(
        f"images\\{name}.png,{'val' if number else 'train'}\n" for number, name in enumerate(composed)))
    assert folder(tmp_path).table.split.tolist() == ["train", "val", "val", "val"]
    (tmp_path / "splits.csv").unlink()
    (tmp_path / "list.csv").write_text("image,mask\n" + "".join(
        f"images\\{name}.png,masks/{name}.png\n" for name in composed))
    dataset = folder(tmp_path)
    assert [path.stem for path in dataset.table.image] == names == [path.stem for path in dataset.table["mask"]]


@pytest.mark.parametrize("has_own", [True, False])
def test_a_run_s_split_may_have_accents_in_the_other_form(tmp_path, has_own):
    "As where data were copied to another file system after the training."
    names = [unicodedata.normalize("NFC", f"bär{number}") for number in range(4)]
    root = write_files(tmp_path / "data", [f"images/{name}.png" for name in names],
                       [f"masks/{name}.png" for name in names])
    apart = [unicodedata.normalize("NFD", name) for name in names]
    (tmp_path / "run.csv").write_text("image,split\n" + "".join(
        f"images/{name}.png,{'train' if number else 'val'}\n" for number, name in enumerate(apart)))
    own = "".join(f"images/{name}.png,train\n" for name in names)
    if has_own: (root / "splits.csv").write_text(f"image,split\n{own}")
    dataset = folder(root, DatasetOptions(splits=str(tmp_path / "run.csv")))
    assert dataset.table.split.tolist() == ["val", "train", "train", "train"] and "run.csv" in dataset.split_source


def test_two_images_whose_names_differ_in_the_form_of_accents_keep_their_splits(tmp_path):
    names = [unicodedata.normalize(form, "bär") for form in ("NFC", "NFD")]
    root = write_files(tmp_path / "data", [f"images/{name}.png" for name in names],
                       [f"masks/{number}.png" for number in range(2)])
    (root / "list.csv").write_text("image,mask\n" + "".join(
        f"images/{name}.png,masks/{number}.png\n" for number, name in enumerate(names)))
    (tmp_path / "run.csv").write_text(f"image,split\nimages/{names[0]}.png,train\nimages/{names[1]}.png,val\n")
    assert folder(root, DatasetOptions(splits=str(tmp_path / "run.csv"))).table.split.tolist() == ["train", "val"]


def test_folders_in_which_nothing_belongs_together(tmp_path):
    "As BDD100K has it."
    root = write_files(tmp_path, [f"images/10k/train/{n}.png" for n in range(4)],
                       [f"labels/sem_seg/masks/train/{n}.png" for n in range(4)])
    with pytest.raises(UserError, match="no image has a mask of its name, .*--images.*--masks"): folder(root)
    dataset = folder(root, DatasetOptions(images="images/10k", masks="labels/sem_seg/masks"))
    assert [path.stem for path in dataset.table.image] == [path.stem for path in dataset.table["mask"]]


def test_pascal_voc_with_lists_that_are_no_splits(tmp_path):
    root = pascal_voc(tmp_path)
    lists = root / "ImageSets" / "Segmentation"
    for split, fold in (("train", "fold1"), ("val", "fold2")): (lists / f"{split}.txt").rename(lists / f"{fold}.txt")
    with pytest.raises(UserError, match="such as fold1.txt and fold2.txt"): folder(root)


@pytest.mark.parametrize("name", ["default", "trainval"])
def test_pascal_voc_with_one_list_of_all(tmp_path, name):
    root = pascal_voc(tmp_path)
    lists = root / "ImageSets" / "Segmentation"
    for split in ("train", "val"): (lists / f"{split}.txt").unlink()
    (lists / f"{name}.txt").write_text("0\n1\n2\n3\n")
    assert len(folder(root).table) == 4 and set(folder(root).table.split) == {"train", "val"}


def test_linked_folders_inside_are_followed_and_outside_refused(tmp_path):
    root = write_folder(tmp_path / "data", stripes((0, 1)))
    (root / "images").rename(root / "elsewhere")
    os.symlink(root / "elsewhere", root / "images")
    assert len(folder(root).table) == 10
    (root / "images").unlink()
    (root / "elsewhere").rename(tmp_path / "outside")
    os.symlink(tmp_path / "outside", root / "images")
    message = refusal(root)
    assert str(root / "images") in message and "--follow-links" in message
    dataset = opened(root, follow_links=True)
    assert check(dataset).problems.empty and len(dataset.table) == 10 and dataset.options["follow_links"]


@pytest.mark.parametrize("name", ["classes.txt", "splits.csv"])
def test_text_files_that_are_links_are_read_below_the_folder_only(tmp_path, name):
    root = write_folder(tmp_path / "data", stripes((0, 1)))
    rows = [f"images/{n:02}.png,{'val' if n < 3 else 'train'}" for n in range(10)]
    (tmp_path / name).write_text("\n".join(["image,split", *rows]) if name == "splits.csv" else "road\ncar\n")
    (root / name).symlink_to(tmp_path / name)
    assert f"{root / name}: is a link to a file outside" in refusal(root)
    assert len(opened(root, follow_links=True).table) == 10


def test_lists_of_pascal_voc_that_are_links_are_read_below_the_folder_only(tmp_path):
    root = pascal_voc(tmp_path / "data")
    file = root / "ImageSets" / "Segmentation" / "val.txt"
    file.rename(tmp_path / "val.txt")
    file.symlink_to(tmp_path / "val.txt")
    assert f"{file}: is a link to a file outside" in refusal(root)
    assert set(opened(root, follow_links=True).table.split) == {"train", "val"}


def test_an_image_without_a_mask_is_a_problem_and_may_be_skipped(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1)))
    noise(root / "images" / "extra.png")
    result = check(folder(root))
    [problem] = result.problems.problem
    assert "masks/extra.png" in problem and len(result.usable(skip_bad=True).table) == 10


def test_equal_blank_tiles_in_two_splits_are_a_note(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1), 4))
    for split in ("train", "val"):
        for part in ("images", "masks"): (root / part / split).mkdir()
        for n in range(2):
            for part in ("images", "masks"):
                number = n + 2 * (split == "val")
                (root / part / f"{number:02}.png").rename(root / part / split / f"{split}{n}.png")
        Image.fromarray(np.full((32, 48, 3), 255, np.uint8)).save(root / "images" / split / f"{split}0.png")
    result = check(folder(root))
    assert result.problems.empty and any("single color" in note for note in result.notes)


def test_a_table_names_its_line_where_it_is_wrong(tmp_path):
    root = EXAMPLES["table"](tmp_path)
    table = pd.read_csv(root / "list.csv")
    table.loc[2, "split"] = "holdout"
    table.to_csv(root / "list.csv", index=False)
    assert "list.csv: line 4" in refusal(root)
    table.loc[2, ["image", "split"]] = "../../etc/secret.png", "train"
    table.to_csv(root / "list.csv", index=False)
    assert "list.csv: line 4 leads out" in refusal(root)


def listed(root: Path, **tables: str) -> Path:
    "Six images x/N.png with masks y/N.png, and these tables of them."
    write_files(root, [f"x/{n}.png" for n in range(6)], [f"y/{n}.png" for n in range(6)])
    for name, content in tables.items(): (root / f"{name}.csv").write_text(content)
    return root


def lines(*numbers: int, header: str = "image,mask", end: str = "") -> str:
    return "\n".join([header, *(f"x/{n}.png,y/{n}.png{end}" for n in numbers)])


def pairs(dataset) -> list[tuple[str, str]]:
    return [(row.image.stem, row.mask.stem) for row in dataset.table.itertuples()]


def test_tables_that_are_called_as_splits_are_one_dataset(tmp_path):
    listed(tmp_path, train=lines(0, 1, 2), valid=lines(3, 4), test=lines(5))
    dataset = folder(tmp_path)
    assert {row.image.stem: row.split for row in dataset.table.itertuples()} == {
        "0": "train", "1": "train", "2": "train", "3": "val", "4": "val", "5": "test"}
    assert all(image == mask for image, mask in pairs(dataset)) and check(dataset).problems.empty
    assert all(name in dataset.split_source for name in ("train.csv", "valid.csv", "test.csv"))


@pytest.mark.parametrize("tables", [
    {"roads": lines(0, 1, 2), "train": lines(3, 4, 5)},
    {"train": lines(0, 1, 2), "val": lines(3, 4, 5, header="image,mask,split", end=",test")},
    {split: lines(0, 1, header="image,mask,split", end=f",{split}") for split in ("train", "val")}])
def test_tables_of_which_it_isn_t_clear_what_they_are_to_each_other(tmp_path, tables):
    message = refusal(listed(tmp_path, **tables))
    assert all(str(tmp_path / f"{name}.csv") in message for name in tables)


@pytest.mark.parametrize("header", ['"image","mask","split"', "image, mask, split", " image ,mask\t,split ",
                                    "\ufeffimage,mask,split", "\n\nimage,mask,split"])
@pytest.mark.parametrize("name", ["list.csv", "LIST.CSV"])
def test_a_table_s_columns_however_they_are_quoted_and_spaced(tmp_path, header, name):
    content = [header, *(f'"x/{n}.png", y/{n}.png,"{"val" if n == 4 else "train"}"' for n in range(6)), "", ",,"]
    (listed(tmp_path) / name).write_text("\n".join(content))
    dataset = folder(tmp_path)
    assert [row.image.stem for row in dataset.split("val").itertuples()] == ["4"] and len(dataset.table) == 6
    assert all(image == mask for image, mask in pairs(dataset))


@pytest.mark.parametrize("header", ["image;mask;split", "image\tmask\tsplit", "Image,Mask,Split", "image,mask,Split",
                                    '"image";"mask"'])
def test_columns_that_are_nearly_those_of_a_table_are_not_passed_over(tmp_path, header):
    "A split would be drawn in the place of the user's."
    message = refusal(listed(tmp_path, list=f"{header}\n"))
    assert str(tmp_path / "list.csv") in message and "image,mask,split" in message


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_table_in_another_encoding(tmp_path, encoding):
    (listed(tmp_path) / "list.csv").write_bytes(f"{lines(0, 1)}\nx/é.png,y/é.png\n".encode(encoding))
    message = refusal(tmp_path)
    assert str(tmp_path / "list.csv") in message and "UTF-8" in message


@pytest.mark.parametrize("content, part", [
    (f"{lines(0, 1)},train", "line 3"), (f"{lines(0, 1)}\nx/2.png", "line 4"), (lines(0, 1, end=",a"), "line 2"),
    (f"{lines(0, 1)}\n/etc/2.png,y/2.png", "line 4 leads out"),
    (f"{lines(0, 1)}\nx/2.png,/etc/2.png", "line 4 leads out"),
    (f"{lines(0, 1)}\nx/2.png,", "line 4 names no mask"), (f"{lines(0, 1)}\n,y/2.png", "line 4 names no image"),
    (f'{lines(0, 1)}\n"x/2"2.png,y/2.png', "can't be read as a table"),
    (lines(0, header="image,image,mask", end=",a"), "two columns image")])
def test_lines_of_a_table_that_can_t_be_meant(tmp_path, content, part):
    message = refusal(listed(tmp_path, list=content))
    assert str(tmp_path / "list.csv") in message and part in message


@pytest.mark.parametrize("tables, file, line", [
    ({"list": lines(0, 1, 2, 1)}, "list", 5), ({"list": f"{lines(0, 1)}\n./x//1.png,y/2.png"}, "list", 4),
    ({"train": lines(0, 1, 2), "val": lines(3, 2)}, "val", 3)])
def test_an_image_that_tables_name_twice(tmp_path, tables, file, line):
    message = refusal(listed(tmp_path, **tables))
    assert f"{tmp_path / file}.csv: line {line}" in message and "second time" in message


def test_an_absolute_path_below_the_folder(tmp_path):
    listed(tmp_path, list=f"{lines(0, 1)}\n{tmp_path}/x/2.png,{tmp_path}/y/2.png")
    assert pairs(folder(tmp_path)) == [("0", "0"), ("1", "1"), ("2", "2")]


def test_folders_and_pipes_called_as_tables_are_none(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1)))
    (root / "x.csv").mkdir(), os.mkfifo(root / "y.csv")
    assert len(folder(root).table) == 10


def test_a_table_that_is_a_link_is_read_below_the_folder_only(tmp_path):
    root = listed(tmp_path / "data", list=lines(0, 1, 2))
    (root / "list.csv").rename(tmp_path / "list.csv")
    (root / "list.csv").symlink_to(tmp_path / "list.csv")
    assert f"{root / 'list.csv'}: is a link to a file outside" in refusal(root)
    assert len(opened(root, follow_links=True).table) == 3
    (tmp_path / "list.csv").unlink()
    assert str(root / "list.csv") in refusal(root)


def test_pascal_voc_s_lists_without_images(tmp_path):
    (EXAMPLES["pascal-voc"](tmp_path) / "JPEGImages").rename(tmp_path / "images")
    message = refusal(tmp_path)
    assert str(tmp_path / "JPEGImages") in message and "ImageSets" in message


def test_a_name_that_pascal_voc_s_lists_have_twice(tmp_path):
    EXAMPLES["pascal-voc"](tmp_path)
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text("0\n1\n2\n1\n")
    assert f"{tmp_path}/ImageSets/Segmentation/train.txt: names 1" in refusal(tmp_path)


def test_pascal_voc_s_images_of_one_name(tmp_path):
    noise(EXAMPLES["pascal-voc"](tmp_path) / "JPEGImages/2.png")
    assert "JPEGImages/2.png: has the same name as" in refusal(tmp_path)
    (tmp_path / "JPEGImages/2.jpg").unlink()
    assert [row.image.name for row in folder(tmp_path).table.itertuples()] == ["0.jpg", "1.jpg", "2.png", "3.jpg"]


@pytest.mark.parametrize("twice", ["1.png", "1_mask.tif"])
def test_files_of_one_name_beside_each_other(tmp_path, twice):
    "An overlay beside its photo, or two masks of one image: either may be meant."
    root = EXAMPLES["beside"](tmp_path)
    noise(root / twice)
    message = refusal(root)
    assert str(root / twice) in message and "has the same name as" in message


def test_files_of_one_name_that_are_in_no_pair(tmp_path):
    "An array beside a photo is no image, and two photos without a mask are two samples that lack one."
    root = EXAMPLES["beside"](tmp_path)
    np.save(root / "0.npy", np.zeros((2, 2)))
    for name in ("extra.jpg", "extra.png"): noise(root / name)
    dataset = folder(root)
    assert [row.image.name for row in dataset.table.itertuples()] == [
        "0.jpg", "1.jpg", "2.jpg", "3.jpg", "extra.jpg", "extra.png"]
    assert check(dataset).problems.image.tolist() == [root / "extra.jpg", root / "extra.png"]
