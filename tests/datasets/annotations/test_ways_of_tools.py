"What annotation tools write that is unlike their usual export: it is read, or refused for what it is."

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from annotated import NAMES, coco, cvat, label_studio, labelme, mask, write_json, yolo

from linknet_fastai.dataset_options import DatasetOptions
from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import UserError


def changed(path: Path, change):
    "The JSON of a file, changed in place."
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


def masks(root: Path) -> list[np.ndarray]:
    "Those of a folder: 1 road, 2 car, and what neither is as 0."
    dataset = folder(root)
    number = np.array([{"road": 1, "car": 2}.get(name, 0) for name in dataset.classes])
    return [number[dataset.read_mask(path)] for path in dataset.table["mask"]]


def test_frames_of_a_film_have_no_suffix_in_cvat(tmp_path):
    cvat(tmp_path)
    file = tmp_path / "annotations.xml"
    file.write_text(file.read_text().replace(".png", ""))
    for each in masks(tmp_path): assert (each == mask()).all()
    image = tmp_path / "images" / f"{NAMES[0]}.png"
    image.with_suffix(".jpg").write_bytes(image.read_bytes())
    with pytest.raises(UserError, match=f"such as {NAMES[0]}"): folder(tmp_path)


def test_relations_between_regions_have_no_area(tmp_path):
    label_studio(tmp_path)
    relation = {"type": "relation", "from_id": "road", "to_id": "car", "direction": "right"}
    changed(tmp_path / "export.json", lambda tasks: tasks[0]["annotations"][0]["result"].append(relation))
    for each in masks(tmp_path): assert (each == mask()).all()
    assert "1 regions without an area are left out" in folder(tmp_path).note


def test_an_outline_without_points_is_none(tmp_path):
    coco(tmp_path)
    changed(tmp_path / "instances.json", lambda content: content["annotations"][0].update(segmentation=[[]]))
    with pytest.raises(UserError, match="annotation 1 has a box but no outline"): folder(tmp_path)


def test_panoptic_files_beside_instances_are_left_out(tmp_path):
    coco(tmp_path)
    content = json.loads((tmp_path / "instances.json").read_text())
    content["annotations"] = [{"image_id": 0, "file_name": "0.png", "segments_info": []}]
    write_json(tmp_path / "panoptic.json", content)
    for each in masks(tmp_path): assert (each == mask()).all()
    assert "1 files of the panoptic format are left out" in folder(tmp_path).note
    (tmp_path / "instances.json").unlink()
    with pytest.raises(UserError, match="panoptic.json: is COCO's panoptic format"): folder(tmp_path)


def test_a_background_is_one_class_however_it_is_spelt(tmp_path):
    "Of one file, and of a run and the data that it is used on."
    def rename(content, name): content["shapes"].append(
        {"label": name, "points": [(0, 0), (3, 0), (3, 3), (0, 3)], "shape_type": "polygon"})
    labelme(tmp_path / "run")
    for name, label in zip(NAMES, ("Background", "background", "_background_")):
        changed(tmp_path / "run" / f"{name}.json", lambda content, label=label: rename(content, label))
    run = folder(tmp_path / "run")
    assert run.classes == ("Background", "car", "road")
    labelme(tmp_path / "other")
    other = folder(tmp_path / "other", DatasetOptions(meaning=run.options["meaning"]))
    assert (other.read_mask(other.table["mask"].iloc[0]) == np.array([0, 2, 1])[mask()]).all()


def test_labels_that_only_look_alike_are_told(tmp_path):
    labelme(tmp_path)
    forms = [unicodedata.normalize(form, "Gebäude") for form in ("NFC", "NFD")]
    for name, form in zip(NAMES, forms):
        changed(tmp_path / f"{name}.json", lambda content, form=form: content["shapes"][0].update(label=form))
    assert "2 classes differ in capitals or the form of accents" in folder(tmp_path).note


def test_labelimg_s_names_are_no_annotation(tmp_path):
    yolo(tmp_path)
    (tmp_path / "labels" / "train" / "classes.txt").write_text("road\ncar\n")
    for each in masks(tmp_path): assert (each == mask()).all()


def test_a_rotated_box_of_four_corners_is_a_polygon(tmp_path):
    labelme(tmp_path)
    for name in NAMES:
        changed(tmp_path / f"{name}.json", lambda content: content["shapes"][0].update(shape_type="rotation"))
    for each in masks(tmp_path): assert (each == mask()).all()


def test_an_export_that_is_not_known_is_named(tmp_path):
    labelme(tmp_path)
    for name in NAMES: write_json(tmp_path / f"{name}.json", {"regions": []})
    with pytest.raises(UserError, match=f"{NAMES[0]}.json is no export"): folder(tmp_path)


def test_yolo_without_its_yaml_asks_for_it(tmp_path):
    yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(UserError, match="data.yaml"): folder(tmp_path)
