"Each format: what it means, how it breaks, and what is refused."

import json
import os
import re
from pathlib import Path

import annotated
import numpy as np
import pytest
from PIL import Image

from linknet_fastai.dataset_options import DatasetOptions
from linknet_fastai.datasets import open_dataset
from linknet_fastai.datasets.annotations import recognize
from linknet_fastai.errors import UserError
from linknet_fastai.workflows.convert import convert

NAMES = ("background", "road", "car")


def masks_of(dataset) -> list[np.ndarray]:
    "In the order of `NAMES`."
    order = np.array([*map(NAMES.index, dataset.classes), *[255] * (256 - len(dataset.classes))], dtype=np.uint8)
    return [order[dataset.read_mask(path)] for path in dataset.table["mask"]]


def edit(path: Path, *changes: tuple[str, str]):
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture(params=annotated.TOOLS)
def tool(request, tmp_path) -> tuple[str, Path]:
    root = tmp_path / "data"
    root.mkdir()
    annotated.TOOLS[request.param](root)
    return request.param, root


def test_shapes_are_masks(tool):
    name, root = tool
    dataset = open_dataset("folder", root)
    assert dataset.note.startswith(f"found {name} (6 images, 3 classes)")
    assert dataset.classes[0] == "background" and set(dataset.classes) == set(NAMES)
    for mask in masks_of(dataset): np.testing.assert_array_equal(mask, annotated.mask())
    if (root / "train").exists() or (root / "images/train").exists():
        assert sorted(dataset.table.split) == ["train"] * 4 + ["val"] * 2
        assert {path.stem for path in dataset.table.image[dataset.table.split == "val"]} == set(annotated.NAMES[4:])


def test_nothing_is_written_into_the_folder(tool):
    _, root = tool
    before = sorted(root.rglob("*"))
    open_dataset("folder", root)
    assert sorted(root.rglob("*")) == before


def test_convert_and_back(tool, tmp_path):
    _, root = tool
    convert(root, tmp_path / "plain")
    dataset, again = open_dataset("folder", root), open_dataset("folder", tmp_path / "plain")
    assert (again.classes, again.palette) == (dataset.classes, dataset.palette)
    assert [path.name for path in again.table.image] == [path.name for path in dataset.table.image]
    assert list(again.table.split) == list(dataset.table.split)
    for mask in masks_of(again): np.testing.assert_array_equal(mask, annotated.mask())
    assert sorted(path.name for path in (tmp_path / "plain").iterdir()) in (
        ["classes.txt", "images", "masks"], ["classes.txt", "images", "masks", "splits.csv"])


def test_convert_leaves_what_is_there(tool, tmp_path):
    _, root = tool
    (tmp_path / "plain").mkdir()
    with pytest.raises(UserError, match="exists already"): convert(root, tmp_path / "plain")
    assert not list((tmp_path / "plain").iterdir())


def test_a_run_reads_by_name(tool, tmp_path):
    "A run whose classes stand in another order, and one that doesn't know a class."
    _, root = tool
    def known(*names: str) -> DatasetOptions:
        return DatasetOptions(meaning={"classes": names, "palette": [[0, 0, 0]] * len(names), "in_color": False,
                                       "values": [[index, index] for index in range(len(names))]})
    dataset = open_dataset("folder", root, known("car", "background", "tree", "road"))
    assert dataset.classes == ("car", "background", "tree", "road")
    want = np.array([1, 3, 0])[annotated.mask()]
    for path in dataset.table["mask"]: np.testing.assert_array_equal(dataset.read_mask(path), want)
    with pytest.raises(UserError, match="annotates car"): open_dataset("folder", root, known("background", "road"))


def test_masks_beside_shapes_are_refused(tmp_path):
    annotated.coco(tmp_path)
    (tmp_path / "masks").mkdir()
    for name in annotated.NAMES: Image.fromarray(annotated.mask()).save(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(UserError, match="COCO JSON.*also.*masks.*--masks"): open_dataset("folder", tmp_path)
    named = open_dataset("folder", tmp_path, DatasetOptions(masks="masks"))
    assert named.classes == ("0", "1", "2")


def test_two_exports_are_refused(tmp_path):
    annotated.coco(tmp_path)
    annotated.cvat(tmp_path)
    with pytest.raises(UserError, match="COCO JSON.*and also CVAT XML"): open_dataset("folder", tmp_path)


def test_a_changed_annotation_is_drawn_anew(tmp_path):
    annotated.labelme(tmp_path)
    assert masks_of(open_dataset("folder", tmp_path))[0][12, 12] == 2
    edit(tmp_path / "street0.json", ('"car"', '"road"'), ("10, 10", "10, 11"))
    assert masks_of(open_dataset("folder", tmp_path))[0][12, 12] == 1


def test_other_files_are_no_annotations(tmp_path):
    "JSON, YAML, XML and CSV of other tools, beside plain masks."
    for folder in ("images", "masks"): (tmp_path / folder).mkdir()
    annotated.write_images(tmp_path / "images")
    for name in annotated.NAMES: Image.fromarray(annotated.mask()).save(tmp_path / "masks" / f"{name}.png")
    (tmp_path / "settings.json").write_text('{"images": 6}')
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "config.yaml").write_text("names: [a]\n")
    (tmp_path / "pom.xml").write_text("<project/>")
    (tmp_path / "_classes.csv").write_text("filename, road, car\nstreet0.png, 1, 0\n")
    assert open_dataset("folder", tmp_path).note.startswith("found images in images/ and masks in masks/")


@pytest.mark.parametrize("tool_name, file, changes, message", [
    ("coco", "instances.json", [('"category_id": 2', '"category_id": 7')], "category 7, which isn't listed"),
    ("coco", "instances.json", [('"id": 2, "name"', '"id": 1, "name"')], "two categories have the id 1"),
    ("coco", "instances.json", [('"height": 30', '"height": 31')], "says that street0.png is 31x40, but it is 30x40"),
    ("coco", "instances.json", [('street5.png', 'gone.png')], "1 of its images, such as gone.png, are not below"),
    ("coco", "instances.json", [('street5.png', '../street5.png')], "leads out of"),
    ("coco", "instances.json", [('[[10, 10, 15, 10, 15, 15, 10, 15]]', '[]')], "a box is no segmentation"),
    ("coco", "instances.json", [('[[10, 10, 15, 10, 15, 15, 10, 15]]', '[[10, 10, NaN, 10, 15, 15]]')], "finite"),
    ("labelme", "street0.json", [('"polygon"', '"star"')], "is a star of 4 points"),
    ("labelme", "street0.json", [('"shapes": [{', '"shapes": [')], "is no JSON"),
    ("cvat", "annotations.xml", [('<annotations>', '<annotations><track id="0"/>')], "tracks through a video"),
    ("cvat", "annotations.xml", [('<annotations>', '<!DOCTYPE a [<!ENTITY b "c">]><annotations>')], "DOCTYPE"),
    ("cvat", "annotations.xml", [('10,10;', '10,ten;')], "no pairs of numbers"),
    ("cvat_masks", "labelmap.txt", [('car:0,255,0', 'car:0,0,255')], r"\(0, 255, 0\), which the export doesn't name"),
    ("cvat_masks", "labelmap.txt", [('car:0,255,0', 'car:255,0,0')], "have the same color"),
    ("label_studio", "export.json", [('"image_rotation": 0', '"image_rotation": 90')], "turned image"),
    ("label_studio", "export.json", [('"polygonlabels": ["car"]', '"polygonlabels": ["car", "road"]')], "2 labels"),
    ("label_studio", "export.json", [('"annotations": [{', '"annotations": [{"result": []}, {')], "has 2 annotations"),
    ("label_studio", "export.json", [('"polygonlabels", "original', '"videorectangle", "original')], "can't be read"),
    ("yolo", "labels/train/street0.txt", [("1 0.25", "2 0.25")], "has the class 2, and 2 are named"),
    ("yolo", "labels/train/street0.txt", [("1 0.25", "1 25")], "outside 0 to 1"),
    ("yolo", "labels/train/street0.txt", [("1 0.25", "1 x")], "line 1 is not a class and numbers"),
    ("yolo", "data.yaml", [("1: car", "2: car")], "with gaps"),
    ("roboflow_masks", "train/_classes.csv", [("2, car\n", "")], "holds 2, which the export doesn't name"),
    ("roboflow_masks", "train/_classes.csv", [("2, car", "two, car")], "line 4 is not a pixel value and a class"),
])
def test_what_is_refused(tmp_path, tool_name, file, changes, message):
    getattr(annotated, tool_name)(tmp_path)
    edit(tmp_path / file, *changes)
    with pytest.raises(UserError, match=message) as error: open_dataset("folder", tmp_path)
    assert str(tmp_path) in error.value.message and "\n" not in error.value.message


def test_boxes_of_yolo_are_refused(tmp_path):
    annotated.yolo(tmp_path)
    (tmp_path / "labels/train/street0.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(UserError, match="line 1 is a box"): open_dataset("folder", tmp_path)


def test_masks_of_an_export_whose_compression_changed_pixels_are_refused(tmp_path):
    annotated.roboflow_masks(tmp_path)
    path = tmp_path / f"train/{annotated.NAMES[0]}_mask.png"
    Image.open(path).save(path, format="JPEG")  # under a name that says otherwise
    with pytest.raises(UserError, match=f"{path.name}.*PNG"): open_dataset("folder", tmp_path)


def test_roboflow_numbers_may_differ_between_folders(tmp_path):
    annotated.roboflow_masks(tmp_path)
    (tmp_path / "valid/_classes.csv").write_text("Pixel Value, Class\n0, background\n1, car\n2, road\n")
    swapped = np.array([0, 2, 1], dtype=np.uint8)[annotated.mask()]
    for name in annotated.NAMES[4:]: Image.fromarray(swapped).save(tmp_path / f"valid/{name}_mask.png")
    for mask in masks_of(open_dataset("folder", tmp_path)): np.testing.assert_array_equal(mask, annotated.mask())


def test_names_of_void(tmp_path):
    annotated.labelme(tmp_path)
    for path in tmp_path.glob("*.json"): edit(path, ('"car"', '"ignore"'))
    dataset = open_dataset("folder", tmp_path)
    assert dataset.classes == ("background", "road")
    assert (dataset.read_mask(dataset.table["mask"][0]) == np.array([0, 1, 255])[annotated.mask()]).all()


def test_labelme_shapes(tmp_path):
    "A rectangle, a circle, an image inside the JSON, and a line, which is said to be left out."
    annotated.labelme(tmp_path)
    content = json.loads((tmp_path / "street0.json").read_text())
    content["shapes"] = [dict(content["shapes"][0], points=[[25, 20], [5, 5]], shape_type="rectangle"),
                         dict(content["shapes"][1], points=[[12.5, 12.5], [15.6, 12.5]], shape_type="circle"),
                         dict(content["shapes"][1], points=[[0, 0], [9, 9]], shape_type="line")]
    annotated.write_json(tmp_path / "street0.json", content)
    dataset = open_dataset("folder", tmp_path)
    assert "1 shapes without an area" in dataset.note
    rows, columns = np.mgrid[:annotated.HEIGHT, :annotated.WIDTH]
    want = np.where(annotated.mask() > 0, 1, 0)
    want[(rows + 0.5 - 12.5) ** 2 + (columns + 0.5 - 12.5) ** 2 < 3.1 ** 2] = 2
    np.testing.assert_array_equal(masks_of(dataset)[0], want)


def test_labelme_images_inside(tmp_path):
    import base64
    annotated.labelme(tmp_path)
    for name in annotated.NAMES:
        image = tmp_path / f"{name}.png"
        data = base64.b64encode(image.read_bytes()).decode()
        edit(tmp_path / f"{name}.json", ('"imageData": null', f'"imageData": "{data}"'))
    want = [np.asarray(Image.open(tmp_path / f"{name}.png")) for name in annotated.NAMES]
    for name in annotated.NAMES: (tmp_path / f"{name}.png").unlink()
    dataset = open_dataset("folder", tmp_path)
    for path, pixels in zip(dataset.table.image, want):
        np.testing.assert_array_equal(dataset.read_pixels(path), pixels)
    for mask in masks_of(dataset): np.testing.assert_array_equal(mask, annotated.mask())


def test_label_studio_rectangles_and_ground_truth(tmp_path):
    annotated.label_studio(tmp_path)
    content = json.loads((tmp_path / "export.json").read_text())
    other = {"x": 50, "y": 50, "width": 25, "height": 20, "rotation": 0, "rectanglelabels": ["car"]}
    region = dict(content[0]["annotations"][0]["result"][0], type="rectanglelabels", value=other)
    content[0]["annotations"].append({"ground_truth": True, "result": [region]})
    annotated.write_json(tmp_path / "export.json", content)
    want = np.zeros((annotated.HEIGHT, annotated.WIDTH), int)
    want[15:21, 20:30] = 2
    np.testing.assert_array_equal(masks_of(open_dataset("folder", tmp_path))[0], want)


def test_json_min_is_refused(tmp_path):
    annotated.label_studio(tmp_path)
    region = {"original_width": 40, "original_height": 30, "points": [], "polygonlabels": ["car"]}
    annotated.write_json(tmp_path / "export.json", [{"image": "street0.png", "label": [region]}])
    with pytest.raises(UserError, match="JSON-MIN"): open_dataset("folder", tmp_path)


def test_links_out_of_the_folder_are_refused(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    annotated.coco(root)
    (root / "images/street0.png").rename(tmp_path / "street0.png")
    (root / "images/street0.png").symlink_to(tmp_path / "street0.png")
    with pytest.raises(UserError, match="outside"): open_dataset("folder", root)
    assert len(open_dataset("folder", root, DatasetOptions(follow_links=True)).table) == 6


def test_classes_txt_says_nothing_else(tmp_path):
    annotated.coco(tmp_path)
    (tmp_path / "classes.txt").write_text("road\ncar\n")
    own = "names of their own, in this order: background, road, car;"
    with pytest.raises(UserError, match=own): open_dataset("folder", tmp_path)
    (tmp_path / "classes.txt").write_text("road\nbackground\ncar\n")  # masks that are put there later would go by it
    with pytest.raises(UserError, match=own): open_dataset("folder", tmp_path)
    (tmp_path / "classes.txt").write_text("background\nroad\ncar\n")
    assert open_dataset("folder", tmp_path).classes == NAMES
    (tmp_path / "classes.txt").write_text("background 1 2 3\nroad 4 5 6\ncar 0 0 0\n")
    assert open_dataset("folder", tmp_path).palette == ((1, 2, 3), (4, 5, 6), (0, 0, 0))


def test_what_no_shape_covers_is_void_for_a_run_without_background(tmp_path):
    annotated.labelme(tmp_path)
    meaning = {"classes": ["road", "car"], "palette": [[0, 0, 0]] * 2, "in_color": False, "values": [[0, 0], [1, 1]]}
    dataset = open_dataset("folder", tmp_path, DatasetOptions(meaning=meaning))
    assert "background is no class of the run, so it is void" in dataset.note
    want = np.array([255, 0, 1])[annotated.mask()]
    for path in dataset.table["mask"]: np.testing.assert_array_equal(dataset.read_mask(path), want)


def test_links_to_nothing_are_no_hindrance_where_nobody_reads_them(tmp_path):
    annotated.labelme(tmp_path)
    for name in ("README.md", "notes.pdf"): (tmp_path / name).symlink_to(tmp_path / "nowhere")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    for mask in masks_of(open_dataset("folder", tmp_path)): np.testing.assert_array_equal(mask, annotated.mask())


def test_an_annotation_that_is_saved_while_it_is_read_is_drawn_anew(tmp_path, monkeypatch):
    annotated.labelme(tmp_path)
    def read_and_save(files):
        annotations = recognize(files)
        edit(tmp_path / "street0.json", ('"car"', '"road"'))
        return annotations
    with monkeypatch.context() as patch:
        patch.setattr("linknet_fastai.datasets.annotated.recognize", read_and_save)
        assert masks_of(open_dataset("folder", tmp_path))[0][12, 12] == 2
    assert masks_of(open_dataset("folder", tmp_path))[0][12, 12] == 1


def test_an_annotation_of_the_same_size_and_time_is_drawn_anew(tmp_path):
    annotated.labelme(tmp_path)
    open_dataset("folder", tmp_path)
    path = tmp_path / "street0.json"
    before = path.stat()
    edit(path, ('"car"', '"cat"'), ('"road"', '"car"'))
    path.write_text(path.read_text().ljust(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    dataset = open_dataset("folder", tmp_path)
    assert dataset.classes[dataset.read_mask(dataset.table["mask"][0])[12, 12]] == "cat"


def test_masks_beside_shapes_are_refused_where_it_isn_t_clear_which_they_are(tmp_path):
    annotated.labelme(tmp_path)
    for suffix in (".png", ".tif"): Image.fromarray(annotated.mask()).save(tmp_path / f"street0_mask{suffix}")
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "street0_mask.tif"))): open_dataset("folder", tmp_path)


def test_images_of_one_name_may_be_annotated_each(tmp_path):
    annotated.coco(tmp_path)
    (tmp_path / "images/street1.png").rename(tmp_path / "images/street0.bmp")
    edit(tmp_path / "instances.json", ("street1.png", "street0.bmp"))
    assert len(open_dataset("folder", tmp_path).table) == 6


def test_roboflow_images_of_one_name(tmp_path):
    annotated.roboflow_masks(tmp_path)
    image = next((tmp_path / "train").glob("street0.*"))
    Image.open(image).save(image.with_suffix(".bmp"))
    with pytest.raises(UserError, match="may be") as error: open_dataset("folder", tmp_path)
    assert str(image) in error.value.message and str(image.with_suffix(".bmp")) in error.value.message
