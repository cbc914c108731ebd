"Which image an annotation is of, in which split it is, and what is no segmentation."

import base64
import io
import json
import re
import shutil
from pathlib import Path

import annotated
import numpy as np
import pytest
from PIL import Image

from linknet_fastai.dataset_options import DatasetOptions
from linknet_fastai.datasets import open_dataset
from linknet_fastai.errors import UserError

EXIF_ORIENTATION = 274


def splits_of(root: Path) -> dict[str, str]:
    table = open_dataset("folder", root).table
    return {path.name: split for path, split in zip(table.image, table.split)}


def renamed(root: Path, old: str, new: str):
    "A LabelMe file and its image under another name, in another folder."
    content = json.loads((root / f"{old}.json").read_text())
    (root / new).parent.mkdir(exist_ok=True)
    annotated.write_json(root / f"{new}.json", content | {"imagePath": f"{Path(new).name}.png"})
    (root / f"{old}.json").unlink()
    (root / f"{old}.png").rename(root / f"{new}.png")


def test_a_word_in_the_name_of_an_image_is_no_split(tmp_path):
    annotated.labelme(tmp_path)
    names = ("train/a", "train/crash_test_02", "train/c", "train/val", "val/train_station_03", "val/e")
    for old, new in zip(annotated.NAMES, names): renamed(tmp_path, old, new)
    assert splits_of(tmp_path) == {f"{Path(name).name}.png": name.split("/")[0] for name in names}


def test_a_word_in_the_name_of_a_file_of_many_images_is_one(tmp_path):
    annotated.coco(tmp_path)
    content = json.loads((tmp_path / "instances.json").read_text())
    (tmp_path / "instances.json").unlink()
    for split, numbers in (("train", range(4)), ("val", range(4, 6))):
        annotated.write_json(tmp_path / f"instances_{split}2017.json", content | {
            "images": [image for image in content["images"] if image["id"] in numbers],
            "annotations": [each for each in content["annotations"] if each["image_id"] in numbers]})
    assert list(splits_of(tmp_path).values()) == ["train"] * 4 + ["val"] * 2


def test_an_image_that_is_missing_is_no_other_folder_s(tmp_path):
    "LabelMe's files lie beside their images: cam1 lacks one, and cam2 has one of its name that nobody annotated."
    annotated.labelme(tmp_path)
    for old in annotated.NAMES: renamed(tmp_path, old, f"cam1/{old}")
    (tmp_path / "cam2").mkdir()
    (tmp_path / "cam1/street0.png").rename(tmp_path / "cam2/street0.png")
    with pytest.raises(UserError, match=r"street0\.json: 1 of its images, such as street0\.png"):
        open_dataset("folder", tmp_path)


def test_the_image_that_a_file_holds_comes_before_another_of_its_name(tmp_path):
    annotated.labelme(tmp_path)
    for old in annotated.NAMES: renamed(tmp_path, old, f"cam1/{old}")
    image, file = tmp_path / "cam1/street0.png", tmp_path / "cam1/street0.json"
    want = np.asarray(Image.open(image))
    content = json.loads(file.read_text()) | {"imageData": base64.b64encode(image.read_bytes()).decode()}
    annotated.write_json(file, content)
    image.unlink()
    (tmp_path / "cam2").mkdir()
    Image.fromarray(255 - want).save(tmp_path / "cam2/street0.png")
    dataset = open_dataset("folder", tmp_path)
    first = next(path for path in dataset.table.image if path.name == "street0.png")
    np.testing.assert_array_equal(dataset.read_pixels(first), want)
    assert "cam2" not in first.parts


def test_files_and_images_in_folders_of_their_own_belong_together(tmp_path):
    annotated.labelme(tmp_path)
    for folder, suffix in (("labels", "json"), ("photos", "png")):
        (tmp_path / folder).mkdir()
        for name in annotated.NAMES: (tmp_path / f"{name}.{suffix}").rename(tmp_path / folder / f"{name}.{suffix}")
    dataset = open_dataset("folder", tmp_path)
    assert len(dataset.table) == 6 and {path.parent.name for path in dataset.table.image} == {"photos"}


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_an_image_in_another_folder_is_that_which_a_file_holds(tmp_path, format):
    "LabelMe compresses what it holds anew, so it isn't the same byte by byte."
    annotated.labelme(tmp_path)
    smooth = np.add.outer(np.arange(annotated.HEIGHT), np.arange(annotated.WIDTH))[..., None] + np.zeros(3, int)
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(annotated.NAMES):
        image = Image.fromarray((smooth + 20 * number).astype(np.uint8))
        content = io.BytesIO()
        image.save(content, format=format)
        file = tmp_path / f"{name}.json"
        annotated.write_json(file, json.loads(file.read_text()) | {
            "imageData": base64.b64encode(content.getvalue()).decode()})
        (tmp_path / f"{name}.png").unlink()
        image.save(tmp_path / "photos" / f"{name}.png")
    assert {path.parent for path in open_dataset("folder", tmp_path).table.image} == {tmp_path / "photos"}


def test_masks_of_cvat_in_folders_have_images_there(tmp_path):
    annotated.cvat_masks(tmp_path)
    (tmp_path / "SegmentationClass/cam1").mkdir()
    (tmp_path / "SegmentationClass/street0.png").rename(tmp_path / "SegmentationClass/cam1/street0.png")
    with pytest.raises(UserError, match="cam1/street0"): open_dataset("folder", tmp_path)
    (tmp_path / "images/cam1").mkdir()
    (tmp_path / "images/street0.png").rename(tmp_path / "images/cam1/street0.png")
    assert len(open_dataset("folder", tmp_path).table) == 6


def two_images(tmp_path, *on: str | None):
    "A Label Studio task of two images, with a region on each of `on`."
    annotated.label_studio(tmp_path)
    content = json.loads((tmp_path / "export.json").read_text())
    content[0]["data"] |= {"thermal": "street1.png"}
    result = content[0]["annotations"][0]["result"]
    for region, name in zip(result, on): region["to_name"] = name
    annotated.write_json(tmp_path / "export.json", [content[0], *content[2:]])


def test_regions_on_two_images_of_a_task_are_refused(tmp_path):
    two_images(tmp_path, "image", "thermal")
    with pytest.raises(UserError, match=r"task 0 has regions on several images \(image, thermal\)"):
        open_dataset("folder", tmp_path)


def test_regions_lie_on_the_image_that_they_name(tmp_path):
    two_images(tmp_path, "thermal", "thermal")
    names = [path.name for path in open_dataset("folder", tmp_path).table.image]
    assert names == ["street1.png", "street2.png", "street3.png", "street4.png", "street5.png"]


@pytest.mark.parametrize("own", ["background", "__background__"])
def test_the_background_of_a_run_may_be_spelt_otherwise(tmp_path, own):
    annotated.labelme(tmp_path)
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\nroad\ncar\n")
    meaning = {"classes": [own, "road", "car"], "palette": [[0, 0, 0]] * 3, "in_color": False,
               "values": [[0, 0], [1, 1], [2, 2]]}
    dataset = open_dataset("folder", tmp_path, DatasetOptions(meaning=meaning))
    assert f"_background_ is {own}" in dataset.note
    for path in dataset.table["mask"]: np.testing.assert_array_equal(dataset.read_mask(path), annotated.mask())


# YOLO

def with_yaml(tmp_path, yaml: str):
    annotated.yolo(tmp_path)
    (tmp_path / "data.yaml").write_text(f"{yaml}names:\n  0: road\n  1: car\n")


def moved(root: Path, split: str, to: str):
    for kind in ("images", "labels"):
        (root / kind / to).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(root / kind / split, root / kind / to)


@pytest.mark.parametrize(("yaml", "train", "val"), [
    ("train: images\nval: images/later\n", "first", "later"),  # the nearest that is named counts
    ("train: images/part1\nval: images/part2\n", "part1/cam1", "part2/cam1")])
def test_folders_below_those_that_the_yaml_names_are_of_their_split(tmp_path, yaml, train, val):
    with_yaml(tmp_path, yaml)
    moved(tmp_path, "val", val)
    moved(tmp_path, "train", train)
    assert splits_of(tmp_path) == {f"{name}.png": "train" if number < 4 else "val"
                                   for number, name in enumerate(annotated.NAMES)}


def test_two_images_of_one_text_are_refused(tmp_path):
    annotated.yolo(tmp_path)
    Image.open(tmp_path / "images/train/street0.png").save(tmp_path / "images/train/street0.bmp")
    with pytest.raises(UserError, match=r"street0\.\w+: has the same name as .*street0"):
        open_dataset("folder", tmp_path)


def test_key_points_are_no_polygons(tmp_path):
    with_yaml(tmp_path, "kpt_shape: [4, 2]\ntrain: images/train\nval: images/val\n")
    with pytest.raises(UserError, match=r"data\.yaml: is of key points"): open_dataset("folder", tmp_path)


# COCO

def test_a_file_with_polygons_is_read_though_a_category_has_key_points(tmp_path):
    annotated.coco(tmp_path)
    content = json.loads((tmp_path / "instances.json").read_text())
    for name, numbers, points in (("a", range(3), ["nose"]), ("b", range(3, 6), None)):
        content["categories"][1]["keypoints"] = points
        annotated.write_json(tmp_path / f"{name}.json", content | {
            "images": [image for image in content["images"] if image["id"] in numbers],
            "annotations": [each for each in content["annotations"] if each["image_id"] in numbers]})
    (tmp_path / "instances.json").unlink()
    assert len(open_dataset("folder", tmp_path).table) == 6


def test_fractions_with_a_point_just_outside_are_refused(tmp_path):
    annotated.coco(tmp_path)
    content = json.loads((tmp_path / "instances.json").read_text())
    for each in content["annotations"]: each["segmentation"] = [[0.1, 0.1, 1.0004, 0.1, 1.0, 0.5]]
    annotated.write_json(tmp_path / "instances.json", content)
    with pytest.raises(UserError, match="fractions of the image"): open_dataset("folder", tmp_path)


def test_fractions_in_one_of_several_files_are_refused(tmp_path):
    annotated.coco(tmp_path)
    content = json.loads((tmp_path / "instances.json").read_text())
    for name, numbers in (("a", range(3)), ("b", range(3, 6))):
        annotations = [each for each in content["annotations"] if each["image_id"] in numbers]
        fractions = {"segmentation": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.5]]}
        if name == "b": annotations = [each | fractions for each in annotations]
        annotated.write_json(tmp_path / f"{name}.json", content | {
            "images": [image for image in content["images"] if image["id"] in numbers], "annotations": annotations})
    (tmp_path / "instances.json").unlink()
    with pytest.raises(UserError, match="b.json: has no coordinate above 1"): open_dataset("folder", tmp_path)


def test_a_file_that_names_two_splits_names_none(tmp_path):
    "The folders do, in which its images lie."
    annotated.coco(tmp_path)
    content = json.loads((tmp_path / "instances.json").read_text())
    for number, image in enumerate(content["images"]):
        old, split = tmp_path / image["file_name"], "val" if number < 2 else "train"
        if not old.exists(): old = next(tmp_path.rglob(Path(image["file_name"]).name))
        image["file_name"] = f"{split}/{old.name}"
        (tmp_path / split).mkdir(exist_ok=True)
        old.rename(tmp_path / split / old.name)
    (tmp_path / "instances.json").unlink()
    annotated.write_json(tmp_path / "annotations_train_val.json", content)
    assert sorted(splits_of(tmp_path).values()) == ["train"] * 4 + ["val"] * 2


def test_an_image_inside_that_is_turned_is_refused(tmp_path):
    annotated.labelme(tmp_path)
    file, image = tmp_path / f"{annotated.NAMES[0]}.json", tmp_path / f"{annotated.NAMES[0]}.png"
    with Image.open(image) as opened:
        exif = opened.getexif()
        exif[EXIF_ORIENTATION] = 3
        opened.save(image, exif=exif)
    data = base64.b64encode(image.read_bytes()).decode()
    image.unlink()
    annotated.write_json(file, json.loads(file.read_text()) | {"imageData": data})
    with pytest.raises(UserError, match=f"{file.name}: its imageData is turned"): open_dataset("folder", tmp_path)


def test_images_that_are_turned_are_counted(tmp_path):
    annotated.yolo(tmp_path)
    for name in annotated.NAMES[:2]:
        path = tmp_path / f"images/train/{name}.png"
        image = Image.open(path)
        exif = image.getexif()
        exif[EXIF_ORIENTATION] = 3
        image.save(path, exif=exif)
    note = open_dataset("folder", tmp_path).note
    assert re.search("2 images are turned by their EXIF tag", note)
