"Predictions as annotation tools open them, read again as annotations."

import json
from pathlib import Path

import numpy as np
import pytest
from outlined import draw, is_within_a_pixel, masks
from PIL import Image

from linknet_fastai.datasets.folder import folder
from linknet_fastai.deploy.annotations.coco import coco_annotations, coco_content
from linknet_fastai.deploy.annotations.geojson import geojson_content
from linknet_fastai.deploy.annotations.labelme import labelme_content
from linknet_fastai.deploy.output import save_json

MASKS, CLASSES = masks(), ("background", "röad", "car")
READ_BACK = {name: mask for name, mask in MASKS.items() if mask.max() > 0 and mask.size > 10}


def write_images(root, size):
    "Two: a split needs them."
    for name, gray in (("a.png", 0), ("b.png", 9)):
        Image.fromarray(np.full((*size, 3), gray, np.uint8)).save(root / name)


def masks_of(root):
    "Of a folder of annotations, in the indices of `CLASSES`."
    dataset = folder(root)
    index = np.array([*map(CLASSES.index, dataset.classes)])
    return [index[dataset.read_mask(path)] for path in dataset.table["mask"]]


@pytest.mark.parametrize("mask", READ_BACK.values(), ids=READ_BACK)
def test_labelme_files_are_read_as_the_mask(mask, tmp_path):
    write_images(tmp_path, mask.shape)
    for name in ("a", "b"):
        save_json(labelme_content(tmp_path / f"{name}.png", mask, CLASSES, tmp_path / f"{name}.json"),
                  tmp_path / f"{name}.json")
    for found in masks_of(tmp_path): assert is_within_a_pixel(mask, found)


@pytest.mark.parametrize("mask", READ_BACK.values(), ids=READ_BACK)
def test_a_coco_file_is_read_as_the_masks(mask, tmp_path):
    write_images(tmp_path, mask.shape)
    content = coco_content([(Path(name), mask.shape, coco_annotations(mask, CLASSES))
                            for name in ("a.png", "b.png")], CLASSES)
    save_json(content, tmp_path / "annotations.json")
    for found in masks_of(tmp_path): assert is_within_a_pixel(mask, found)


def test_labelme_names_the_image_from_where_the_file_lies(tmp_path):
    content = labelme_content(tmp_path / "images" / "ä b.png", MASKS["hole"], CLASSES, tmp_path / "out" / "ä b.json")
    assert content["imagePath"] == "../images/ä b.png" and content["imageData"] is None
    assert (content["imageHeight"], content["imageWidth"]) == MASKS["hole"].shape
    assert {"version", "flags", "shapes"} <= content.keys()
    for shape in content["shapes"]:
        assert shape["shape_type"] == "polygon" and shape["group_id"] is None and shape["flags"] == {}
        assert len(shape["points"]) > 2


def test_coco_numbers_from_one_and_leaves_out_the_background():
    found = [(Path(f"{kind}.png"), (20, 24), coco_annotations(MASKS[kind], CLASSES)) for kind in ("hole", "island")]
    content = coco_content(found, CLASSES)
    assert [image["id"] for image in content["images"]] == [1, 2]
    assert [category["id"] for category in content["categories"]] == [1, 2, 3]
    assert [each["id"] for each in content["annotations"]] == [1, 2, 3, 4]
    assert [each["image_id"] for each in content["annotations"]] == [1, 2, 2, 2]
    first = content["annotations"][0]
    assert first["category_id"] == 2 and first["area"] == 12 * 16 - 24 - 4 and first["bbox"] == [4, 4, 16, 12]
    assert len(first["segmentation"]) > 1 and first["iscrowd"] == 0


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_geojson_polygons_have_holes_and_are_closed(mask):
    content = json.loads(json.dumps(geojson_content(mask, CLASSES)))
    shapes = []
    for feature in content["features"]:
        rings = feature["geometry"]["coordinates"]
        assert all(ring[0] == ring[-1] and len(ring) > 3 for ring in rings)
        shapes.append((CLASSES.index(feature["properties"]["label"]), [ring[:-1] for ring in rings]))
    assert is_within_a_pixel(mask, draw(shapes, mask.shape))
