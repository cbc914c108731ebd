"What `predict` finds in its folder: somebody's work is kept, its own is written over, or goes."

import shutil
from dataclasses import replace

import numpy as np
import pytest
from brightness import CARD, Brightness
from PIL import Image

from linknet_fastai.errors import Note, UserError
from linknet_fastai.workflows.predict import PartlyDone, PredictOptions, predict
from linknet_fastai.workflows.predicting.record import FILE as RECORD

GOES_ON = PredictOptions(goes_on=True)


def gray(path, value: int):
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (30, 20), value).save(path)


def value_of(path) -> int:
    value, = np.unique(Image.open(path))
    return value


def names(folder): return sorted(path.name for path in folder.iterdir() if path.name != RECORD)


@pytest.fixture
def images(tmp_path):
    "A dark one, and a light one."
    gray(tmp_path / "images" / "a.jpg", 0)
    gray(tmp_path / "images" / "b.jpg", 255)
    return tmp_path / "images"


def refused(images, out, options=PredictOptions(), predictor=None):
    with pytest.raises(PartlyDone, match=r"1 of 2.*a(_overlay)?\.png.*--out") as partly:
        predict(predictor or Brightness(), [images / "*.jpg"], out, options)
    assert [each.image.name for each in partly.value.written] == ["b.jpg"]


@pytest.mark.parametrize("name", ["a.png", "a_overlay.png"])
def test_what_somebody_made_is_not_written_over(images, name):
    gray(images / name, 7)
    for _ in range(2): refused(images, images)
    assert value_of(images / name) == 7


def test_a_mask_that_was_corrected_is_not_written_over(images, tmp_path):
    "With `--continue` it counts as done, until another model comes."
    predictor, out, model = Brightness(), tmp_path / "out", tmp_path / "model"
    predictor.card, predictor.files, options = replace(CARD, values=(3, 9)), (model,), replace(GOES_ON, format="values")
    model.write_bytes(b"1")
    predict(predictor, [images], out, options)
    gray(out / "a.png", 9)
    with pytest.warns(Note, match="2 images predicted already"): predict(predictor, [images], out, options)
    model.write_bytes(b"2")
    refused(images, out, options, predictor)
    assert value_of(out / "a.png") == 9
    (out / "a.png").unlink()
    assert len(predict(predictor, [images], out, options)) == 1


def test_what_an_earlier_version_wrote_is_written_over_in_the_run_s_own_folder(images, tmp_path):
    "There was no record then."
    out, run, predictor = tmp_path / "out", tmp_path / "run", Brightness()
    predict(predictor, [images], out)
    (out / RECORD).unlink()
    with pytest.raises(PartlyDone, match="0 of 2"): predict(predictor, [images], out)
    run.mkdir()
    out.rename(run / "predictions")
    predictor.files = (run / "model.safetensors",)
    predictor.files[0].write_bytes(b"1")
    with pytest.raises(PartlyDone, match="0 of 2"): predict(predictor, [images], run / "predictions")  # no run's folder
    (run / "config.json").write_text("{}")
    assert len(predict(predictor, [images], run / "predictions")) == 2


def test_a_copied_folder_is_written_over(images, tmp_path):
    "Its files are as they were written, at another time."
    predict(Brightness(), [images], tmp_path / "out")
    shutil.copytree(tmp_path / "out", tmp_path / "copy", copy_function=shutil.copyfile)
    assert len(predict(Brightness(), [images], tmp_path / "copy")) == 2


def test_what_is_corrected_after_a_writing_that_failed_is_kept(images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    predict(Brightness(), [images], out)
    def save(mask, palette, path): raise UserError(f"{path}: can't be written (No space left on device); free some.")
    with monkeypatch.context() as patch:
        patch.setattr("linknet_fastai.deploy.output.save_mask", save)
        with pytest.raises(UserError, match="No space"): predict(Brightness(), [images], out)
    gray(out / "a.png", 7)
    refused(images, out)


def test_an_image_that_was_being_written_when_the_program_was_killed_is_predicted_again(images, tmp_path, monkeypatch):
    class Killed(BaseException): pass
    def add(*words): raise Killed
    with monkeypatch.context() as patch:
        patch.setattr("linknet_fastai.workflows.predicting.record.PredictRecord.add", add)
        with pytest.raises(Killed): predict(Brightness(), [images], tmp_path / "out")
    assert "a.png" in names(tmp_path / "out")
    assert len(predict(Brightness(), [images], tmp_path / "out", GOES_ON)) == 2


def test_an_image_that_changes_while_it_is_predicted_is_predicted_again(images, tmp_path, monkeypatch):
    predictor = Brightness()
    read = predictor.read
    def read_and_change(source):
        pixels = read(source)
        if source.name == "a.jpg": gray(source, 255)
        return pixels
    monkeypatch.setattr(predictor, "read", read_and_change)
    predict(predictor, [images], tmp_path / "out")
    assert value_of(tmp_path / "out" / "a.png") == 0
    assert [each.image.name for each in predict(Brightness(), [images], tmp_path / "out", GOES_ON)] == ["a.jpg"]
    assert value_of(tmp_path / "out" / "a.png") == 1


def test_what_was_written_with_a_mask_goes_with_it(images, tmp_path):
    "But not what was edited, nor the mask of an image that is called like an overlay."
    out, plain = tmp_path / "out", PredictOptions(overlays="none")
    gray(images / "a_confidence.jpg", 255)
    predict(Brightness(), [images / "a_confidence.jpg"], out, plain)
    predict(Brightness(), [images / "a.jpg", images / "b.jpg"], out, PredictOptions(probabilities="npz"))
    gray(out / "b_overlay.png", 7)
    predict(Brightness(), [images / "a.jpg", images / "b.jpg"], out, plain)
    assert names(out) == ["a.png", "a_confidence.png", "b.png", "b_overlay.png"]


def test_probabilities_beside_polygons_stay_with_them(images, tmp_path):
    out = tmp_path / "out"
    predict(Brightness(), [images], out)
    predict(Brightness(), [images], out, PredictOptions("labelme", probabilities="npz"))
    predict(Brightness(), [images], out, PredictOptions(overlays="none"))
    assert names(out) == [f"{image}{ending}" for image in "ab" for ending in (".json", ".png", "_probabilities.npz")]


def test_somebody_s_table_of_failures_is_kept(images, tmp_path):
    (images / "a.jpg").write_bytes(b"cut")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "failed.csv").write_text("name,grade\n")
    with pytest.raises(PartlyDone, match="failed_images.csv"): predict(Brightness(), [images], tmp_path / "out")
    assert (tmp_path / "out" / "failed.csv").read_text() == "name,grade\n"
    (tmp_path / "out" / "failed_images.csv").write_text("mine\n")
    with pytest.raises(PartlyDone, match="failed_images_2.csv"): predict(Brightness(), [images], tmp_path / "out")
    assert (tmp_path / "out" / "failed_images.csv").read_text() == "mine\n"
    gray(images / "a.jpg", 0)
    predict(Brightness(), [images], tmp_path / "out")
    assert not (tmp_path / "out" / "failed_images_2.csv").exists()
    assert (tmp_path / "out" / "failed_images.csv").read_text() == "mine\n"


def test_the_server_s_folder_has_one_png_a_frame():
    with pytest.raises(UserError, match="cityscapes.*npz"): PredictOptions("cityscapes", probabilities="png")


def test_films_that_a_pattern_matches_are_told(images, tmp_path):
    (images / "clip.mp4").touch()
    (images / "deep").mkdir()
    (images / "deep" / "other.mp4").touch()
    gray(images / "deep" / "c.jpg", 0)
    for pattern in ("*", "**/*", "**"):
        with pytest.warns(Note, match="2 films in folders, such as .*clip.mp4"):
            predict(Brightness(), [images / pattern], tmp_path / "out", GOES_ON)
    with pytest.raises(UserError, match="no image is called so"):
        predict(Brightness(), [images / "*.mp4"], tmp_path / "out")
