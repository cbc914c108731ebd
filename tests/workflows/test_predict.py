"Which files are predicted, and where the masks go."

import json
import os

import numpy as np
import pandas as pd
import pytest
from finished_run import finished_run
from PIL import Image

from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.errors import UserError
from linknet_fastai.workflows.predict import PartlyDone, PredictOptions, predict
from linknet_fastai.workflows.predicting.record import FILE as RECORD


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Predictor:
    return Predictor(finished_run(tmp_path_factory.mktemp("runs") / "tiny").path)


@pytest.fixture
def images(tmp_path):
    for name in ("a.png", "deeper/b.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 30, 3), 90, dtype=np.uint8)).save(path)
    return tmp_path / "images"


def files(folder):
    "But for the record of what they are of."
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != RECORD)


def test_masks_lie_as_the_images_do(predictor, images, tmp_path):
    written = predict(predictor, [images], tmp_path / "out")
    assert [each.file for each in written] == [tmp_path / "out" / "a.png", tmp_path / "out" / "deeper" / "b.png"]
    assert files(tmp_path / "out") == ["a.png", "a_overlay.png", "deeper/b.png", "deeper/b_overlay.png"]


def test_masks_within_the_images_folder_are_not_predicted_the_second_time(predictor, images):
    first = predict(predictor, [images], images / "masks")
    there = files(images)
    assert predict(predictor, [images], images / "masks") == first and files(images) == there and len(there) == 6


def test_an_overlay_that_is_named_is_predicted(predictor, images, tmp_path):
    out = images / "masks"
    predict(predictor, [images], out)
    assert len(predict(predictor, [out / "a_overlay.png"], tmp_path / "again")) == 1


def test_an_image_is_never_overwritten(predictor, images):
    before = (images / "a.png").read_bytes()
    with pytest.raises(PartlyDone, match="1 of 2.*a.png.*--out"): predict(predictor, [images], images)
    assert (images / "a.png").read_bytes() == before
    assert files(images) == ["a.png", "deeper/b.jpg", "deeper/b.png", "deeper/b_overlay.png", "failed.csv"]


def test_two_images_of_one_mask_are_that_image_s_fault_only(predictor, images, tmp_path):
    Image.new("RGB", (30, 20)).save(images / "a.jpg")
    with pytest.raises(PartlyDone) as partly: predict(predictor, [images], tmp_path / "out")
    assert [each.image.name for each in partly.value.failed] == ["a.png"]
    assert [each.image.name for each in partly.value.written] == ["a.jpg", "b.jpg"]


def test_a_name_that_is_too_long_is_that_image_s_fault_only(predictor, images, tmp_path):
    "Its mask could be written, its overlay couldn't."
    (images / "a.png").rename(images / f"{'x' * 248}.png")
    with pytest.raises(PartlyDone, match="1 of 2.*too long") as partly: predict(predictor, [images], tmp_path / "out")
    assert [each.image.name for each in partly.value.written] == ["b.jpg"]


def test_all_bad_images_are_listed_beside_all_good_ones(predictor, images, tmp_path):
    for number in range(30):
        if number % 3: Image.new("RGB", (30, 20)).save(images / f"{number}.png")
        else: (images / f"{number}.png").write_bytes(b"cut")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PartlyDone, match="22 of 33") as partly:
        predict(predictor, [images, tmp_path / "pipe.png"], tmp_path / "out")
    listed = pd.read_csv(tmp_path / "out" / "failed.csv")
    cut = [str(images / f"{number}.png") for number in range(0, 30, 3)]
    assert sorted(listed.image) == sorted([*cut, str(tmp_path / "pipe.png")])
    assert len(partly.value.written) == 22 and all(map(str.__contains__, listed.problem, listed.image))
    for path in cut: os.unlink(path)
    predict(predictor, [images], tmp_path / "out")
    assert not (tmp_path / "out" / "failed.csv").exists()
    (tmp_path / "out" / "failed.csv").write_text("name,grade\n")  # somebody's own
    predict(predictor, [images], tmp_path / "out")
    assert (tmp_path / "out" / "failed.csv").exists()


def test_an_image_that_is_too_large_for_the_memory_is_that_image_s_fault_only(predictor, images, tmp_path, monkeypatch):
    def read(source):
        if "a.png" in str(source): raise MemoryError
        return np.zeros((20, 30, 3), dtype=np.uint8)
    monkeypatch.setattr(predictor, "read", read)
    with pytest.raises(PartlyDone, match="1 of 2.*a.png.*memory"): predict(predictor, [images], tmp_path / "out")


def test_an_image_that_is_written_anew_meanwhile_is_read_once(predictor, images, tmp_path, monkeypatch):
    read = predictor.read
    def read_and_change(source):
        pixels = read(source)
        Image.new("RGB", (7, 5)).save(source)
        return pixels
    monkeypatch.setattr(predictor, "read", read_and_change)
    predict(predictor, [images], tmp_path / "out")
    assert Image.open(tmp_path / "out" / "a_overlay.png").size == (30, 20)


# polygons

@pytest.mark.parametrize(("format", "expected"), [
    ("labelme", ["a.json", "deeper/b.json"]), ("geojson", ["a.geojson", "deeper/b.geojson"]),
    ("coco", ["annotations.json"])])
def test_polygons_are_written_once_and_never_over_corrections(predictor, images, tmp_path, format, expected):
    out = tmp_path / "out"
    written = predict(predictor, [images], out, PredictOptions(format))
    assert files(out) == expected and len(written) == 2
    (out / expected[0]).write_text("corrected")
    with pytest.raises(UserError, match=f"{expected[0]}: .*--out"):
        predict(predictor, [images], out, PredictOptions(format))
    assert (out / expected[0]).read_text() == "corrected"


def test_labelme_files_may_lie_beside_their_images(predictor, images):
    predict(predictor, [images], images, PredictOptions("labelme"))
    assert files(images) == ["a.json", "a.png", "deeper/b.jpg", "deeper/b.json"]
    content = json.loads((images / "deeper" / "b.json").read_text())
    assert content["imagePath"] == "b.jpg" and (content["imageHeight"], content["imageWidth"]) == (20, 30)


def test_coco_names_images_by_their_paths_and_refuses_doubles(predictor, images, tmp_path):
    predict(predictor, [images], tmp_path / "out", PredictOptions("coco"))
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["a.png", "deeper/b.jpg"]
    again = tmp_path / "again" / "a.png"
    again.parent.mkdir()
    again.write_bytes((images / "a.png").read_bytes())
    with pytest.raises(UserError, match="a.png.*--out"):
        predict(predictor, [images, again], tmp_path / "other", PredictOptions("coco"))
    assert not (tmp_path / "other").exists()


def test_values_that_a_model_does_not_know_are_refused(predictor, images, tmp_path):
    with pytest.raises(UserError, match="tiny3"): predict(predictor, [images], tmp_path / "x", PredictOptions("values"))
    assert not (tmp_path / "x").exists()


# certainty

@pytest.fixture
def shades(tmp_path):
    for gray in (0, 60, 120, 180, 240):
        (tmp_path / "shades").mkdir(exist_ok=True)
        noise = np.random.default_rng(gray).integers(0, 15, (20, 30, 3)) + gray
        Image.fromarray(noise.astype(np.uint8)).save(tmp_path / "shades" / f"{gray}.png")
    return tmp_path / "shades"


def test_the_least_certain_images_come_first_and_alone(predictor, shades, tmp_path):
    expected = sorted((predictor.certainty(image), image) for image in shades.iterdir())
    assert 0 <= expected[0][0] < expected[-1][0] <= 1
    written = predict(predictor, [shades], tmp_path / "out", PredictOptions("labelme", 3))
    assert [(each.certainty, each.image) for each in written] == expected[:3]
    assert files(tmp_path / "out") == sorted(f"{image.stem}.json" for _, image in expected[:3])


def test_more_than_there_are_is_all_of_them(predictor, shades, tmp_path):
    assert len(predict(predictor, [shades], tmp_path / "out", PredictOptions(least_certain=9))) == 5


@pytest.mark.parametrize("count", [0, -2])
def test_less_than_one_image_is_refused(predictor, shades, tmp_path, count):
    with pytest.raises(UserError, match=f"{count} .*--least-certain"):
        predict(predictor, [shades], tmp_path / "out", PredictOptions(least_certain=count))
    assert not (tmp_path / "out").exists()


def test_a_damaged_image_is_named_after_the_others_are_done(predictor, shades, tmp_path):
    (shades / "0.png").write_bytes(b"cut")
    with pytest.raises(UserError, match="0.png"):
        predict(predictor, [shades], tmp_path / "out", PredictOptions("coco", 2))
    assert len(json.loads((tmp_path / "out" / "annotations.json").read_text())["images"]) == 2


def test_an_image_that_is_named_twice_is_predicted_once_however_it_is_written(predictor, images, tmp_path):
    image, elsewhere = images / "a.png", tmp_path / "elsewhere"
    elsewhere.symlink_to(images)
    named = [image, images / "deeper" / ".." / "a.png", elsewhere / "a.png", images]
    written = predict(predictor, named, tmp_path / "out")
    assert [each.image for each in written] == [image, images / "deeper" / "b.jpg"]
    (images / "link.png").symlink_to(image)  # under a name of its own, it is asked for
    assert len(predict(predictor, [image, images / "link.png"], tmp_path / "both")) == 2
