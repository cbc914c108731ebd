"Many images: read ahead, written behind, in order; stopped, continued, listed, matched."

import os
import shutil
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from brightness import CARD, Brightness
from finished_run import finished_run
from PIL import Image

from linknet_fastai.deploy.base_predictor import BasePredictor
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.deploy.predictor_options import PredictorOptions
from linknet_fastai.errors import Note, UserError
from linknet_fastai.files import NotWritten
from linknet_fastai.images.tiling import TileOptions
from linknet_fastai.workflows.predict import PartlyDone, PredictOptions, predict
from linknet_fastai.workflows.predicting import job as predict_job
from linknet_fastai.workflows.predicting.overlap import MOST_WAITING, THREADS
from linknet_fastai.workflows.predicting.record import FILE as RECORD
from linknet_fastai.workflows.predicting.record import PredictRecord


@pytest.fixture
def folder(tmp_path):
    "30 images of one gray each, every fifth of another size."
    (tmp_path / "images").mkdir()
    for number in range(30):
        size = (24, 25) if number % 5 == 4 else (30, 20)
        Image.new("RGB", size, (8 * number,) * 3).save(tmp_path / "images" / f"{number:02}.png")
    return tmp_path / "images"


def names(folder): return sorted(path.name for path in folder.iterdir() if path.name != RECORD)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_images_come_in_their_order_in_batches_of_one_size(folder, tmp_path, batch_size):
    predictor, seen = Brightness(batch_size), []
    written = predict(predictor, [folder], tmp_path / "out", PredictOptions(observe=seen.append))
    assert [each.image.name for each in written] == names(folder) and seen == written
    assert [each.pixels.index(600) for each in written] == [int(8 * number >= 128) for number in range(30)]
    assert all(Image.open(each.file).size == Image.open(each.image).size for each in written)
    assert max(predictor.batches) == min(batch_size, 4) and sum(predictor.batches) == 30


def test_a_batch_that_is_too_large_for_the_memory_is_done_one_by_one(folder, tmp_path, monkeypatch):
    predictor = Brightness(8)
    def predict_batch(images):
        if len(images) > 1: raise MemoryError
        return BasePredictor.predict_batch(predictor, images)
    monkeypatch.setattr(predictor, "predict_batch", predict_batch)
    assert len(predict(predictor, [folder], tmp_path / "out")) == 30 and set(predictor.batches) == {1}


def test_no_more_is_in_memory_than_waits(folder, tmp_path, monkeypatch):
    "The disk is slow, and still only so many images are read ahead and kept for it."
    predictor, alive, most, lock = Brightness(), 0, 0, threading.Lock()
    read, write = predictor.read, predict_job.PredictJob._write

    def counted_read(image):
        nonlocal alive, most
        with lock: alive, most = alive + 1, max(most, alive + 1)
        return read(image)

    def slow_write(job, pair):
        nonlocal alive
        time.sleep(0.02)
        with lock: alive -= 1
        return write(job, pair)

    monkeypatch.setattr(predictor, "read", counted_read)
    monkeypatch.setattr(predict_job.PredictJob, "_write", slow_write)
    monkeypatch.setattr("linknet_fastai.workflows.predicting.overlap.WEIGHT", 3 * 600)  # three images
    predict(predictor, [folder], tmp_path / "out")
    assert most <= 3 + 3 + THREADS + 2 < MOST_WAITING


def test_a_full_disk_ends_it_at_once_and_leaves_no_thread(folder, tmp_path, monkeypatch):
    before, saved = threading.active_count(), []
    def save(*words):
        saved.append(1)
        if len(saved) > 3: raise NotWritten("out: can't be written (No space left on device)")
    monkeypatch.setattr("linknet_fastai.deploy.output.save_mask", save)
    with pytest.raises(UserError, match="No space left"): predict(Brightness(), [folder], tmp_path / "out")
    assert len(saved) < 25 and threading.active_count() == before


def test_what_is_stopped_goes_on_with_the_others(folder, tmp_path, monkeypatch):
    predictor, before = Brightness(), threading.active_count()
    def stop(pixels):
        if len(predictor.batches) == 12: raise KeyboardInterrupt
        return BasePredictor.predict(predictor, pixels)
    monkeypatch.setattr(predictor, "predict", stop)
    with pytest.raises(KeyboardInterrupt): predict(predictor, [folder], tmp_path / "out")
    done = names(tmp_path / "out")
    assert 2 <= len(done) <= 24 and not any(name.startswith(".") for name in done)
    assert threading.active_count() == before
    monkeypatch.undo()
    with pytest.warns(Note, match="predicted already"):
        rest = predict(predictor, [folder], tmp_path / "out", PredictOptions(goes_on=True))
    assert len(names(tmp_path / "out")) == 60 and len(rest) == 30 - len(done) // 2
    with pytest.warns(Note, match="30 images"):
        assert predict(predictor, [folder], tmp_path / "out", PredictOptions(goes_on=True)) == []


def test_an_image_that_is_newer_or_lacks_a_file_is_predicted_again(folder, tmp_path):
    out, goes_on = tmp_path / "out", PredictOptions(goes_on=True)
    predict(Brightness(), [folder], out)
    os.utime(folder / "03.png", (time.time() + 60,) * 2)
    (out / "07_overlay.png").unlink()
    with pytest.warns(Note, match="28"): written = predict(Brightness(), [folder], out, goes_on)
    assert [each.image.name for each in written] == ["03.png", "07.png"]


def test_corrections_are_kept_and_a_shared_file_can_t_be_continued(folder, tmp_path):
    out, options = tmp_path / "out", PredictOptions("labelme", goes_on=True)
    predict(Brightness(), [folder], out, options)
    (out / "00.json").write_text("corrected")
    os.utime(folder / "00.png", (time.time() + 60,) * 2)
    with pytest.warns(Note, match="30"): assert predict(Brightness(), [folder], out, options) == []
    assert (out / "00.json").read_text() == "corrected"
    with pytest.raises(UserError, match="--continue"): PredictOptions("coco", goes_on=True)


def test_what_another_image_would_overwrite_stays_failed(folder, tmp_path):
    "`--continue` doesn't take another's files for an image's own."
    Image.new("RGB", (30, 20)).save(folder / "00.jpg")
    for _ in range(2):
        with pytest.raises(PartlyDone, match="00"):
            predict(Brightness(), [folder], tmp_path / "out", PredictOptions(goes_on=True))
        assert (tmp_path / "out" / "failed.csv").exists()
    with pytest.raises(PartlyDone, match="0 of 31"):
        predict(Brightness(), [folder], folder, PredictOptions(goes_on=True, overlays="none"))


def test_large_images_after_small_ones_don_t_crowd_the_memory(folder, tmp_path, monkeypatch):
    "Ten of 600 pixels, then twenty of 60,000, of which two may wait."
    predictor, alive, most = Brightness(8), set(), 0
    def read(image):
        nonlocal most
        size = (20, 30) if image.name < "10.png" else (200, 300)
        alive.add(image)
        most = max(most, sum(each.name >= "10.png" for each in alive))
        return np.zeros((*size, 3), np.uint8)
    monkeypatch.setattr(predictor, "read", read)
    monkeypatch.setattr("linknet_fastai.workflows.predicting.overlap.WEIGHT", 2 * 60_000)
    monkeypatch.setattr("linknet_fastai.workflows.predicting.job.WEIGHT", 2 * 60_000)
    options = PredictOptions(observe=lambda written: alive.discard(written.image))
    predict(predictor, [folder], tmp_path / "out", options)
    assert {8, 2} <= set(predictor.batches) <= {8, 2, 1} and most <= 4 + THREADS + 1 + 2 + 2


def test_patterns(folder, tmp_path):
    deeper = folder / "more" / "night"
    deeper.mkdir(parents=True)
    for name in ("a.png", "b.jpg", "notes.txt"):
        if name.endswith("txt"): (deeper / name).write_text("x")
        else: Image.new("RGB", (30, 20)).save(deeper / name)
    def predicted(pattern, out):
        written = predict(Brightness(), [folder / pattern], tmp_path / out)
        return [str(each.file.relative_to(tmp_path / out)) for each in written]
    assert predicted("0*.png", "one") == [f"{number:02}.png" for number in range(10)]
    assert predicted("more/*/a*", "two") == ["night/a.png"]
    assert predicted("mo*", "three") == ["more/night/a.png", "more/night/b.png"]
    assert len(predicted("**/*.png", "four")) == 31
    for _ in range(2): assert len(predict(Brightness(), [folder / "**" / "*.png"], folder / "masks")) == 31
    with pytest.raises(UserError, match="9\\*.tif"): predicted("9*.tif", "five")
    (folder / "odd[1].png").write_bytes((folder / "00.png").read_bytes())
    assert predicted("odd[1].png", "six") == ["odd[1].png"]  # a file that is there is no pattern


@pytest.mark.parametrize("pattern", ["*", "**", "**/*"])
def test_a_pattern_finds_neither_its_own_predictions_nor_junk(folder, tmp_path, pattern):
    for name in ("empty", "__MACOSX", ".hidden", "predictions"): (folder / name).mkdir()
    for name in ("__MACOSX", ".hidden", "predictions"): (folder / name / "old.mp4").touch()
    (folder / "__MACOSX" / "a.png").write_bytes((folder / "00.png").read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)  # nothing is left out that somebody may mean
        for _ in range(2): assert len(predict(Brightness(), [folder / pattern], folder / "predictions")) == 30


def test_a_link_that_a_pattern_matches_is_followed_and_not_told_of(folder, tmp_path):
    (tmp_path / "night").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "night" / "a.png")
    (folder / "night").symlink_to(tmp_path / "night")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)
        assert len(predict(Brightness(), [folder / "n*"], tmp_path / "out")) == 1


def test_a_list_of_images(folder, tmp_path, monkeypatch):
    (tmp_path / "list.txt").write_text("# night\nimages/03.png\n\nimages/gone.png\nimages/01.png\n")
    with pytest.raises(PartlyDone, match="gone.png") as partly:
        predict(Brightness(), [], tmp_path / "out", PredictOptions(listed=tmp_path / "list.txt"))
    assert [each.image.name for each in partly.value.written] == ["03.png", "01.png"]
    (tmp_path / "bom.txt").write_text("images/04.png\nimages/04.png\nimages\n", encoding="utf-8-sig")
    assert len(predict(Brightness(), [], tmp_path / "out2", PredictOptions(listed=tmp_path / "bom.txt"))) == 30
    assert (tmp_path / "out" / "images" / "03.png").exists()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    above = Path("..", "bom.txt")  # its lines are paths below its folder, whatever the way to it
    predict(Brightness(), [], tmp_path / "out3", PredictOptions(listed=above))
    assert (tmp_path / "out3" / "images" / "04.png").exists()
    (tmp_path / "empty.txt").write_text("# nothing\n")
    for name in ("empty.txt", "missing.txt"):
        with pytest.raises(UserError, match=name):
            predict(Brightness(), [], tmp_path / "out", PredictOptions(listed=tmp_path / name))


@pytest.mark.parametrize("options, expected", [
    (PredictOptions(overlays="none"), ["00.png"]), (PredictOptions(overlays="jpeg"), ["00.png", "00_overlay.jpg"]),
    (PredictOptions(probabilities="npz"), ["00.png", "00_overlay.png", "00_probabilities.npz"]),
    (PredictOptions("geojson", probabilities="png"), ["00.geojson", "00_confidence.png"])])
def test_what_is_written(folder, tmp_path, options, expected):
    predict(Brightness(), [folder / "00.png"], tmp_path / "out", options)
    assert names(tmp_path / "out") == expected


def test_probabilities_beside_a_file_for_all_images_lie_as_the_images_do(folder, tmp_path):
    (folder / "deep").mkdir()
    (folder / "00.png").rename(folder / "deep" / "a.png")
    predict(Brightness(), [folder], tmp_path / "out", PredictOptions("coco", probabilities="npz"))
    assert names(tmp_path / "out" / "deep") == ["a_probabilities.npz"]


@pytest.mark.parametrize("settings, named", [(dict(overlays="jpg"), "jpeg"), (dict(probabilities="nzp"), "npz")])
def test_a_misspelt_choice_is_answered(settings, named):
    with pytest.raises(UserError, match=named): PredictOptions(**settings)


def test_images_of_another_scale_are_told_once(folder, tmp_path):
    Image.new("RGB", (300, 200)).save(folder / "large.png")
    with pytest.warns(Note, match="1 image of another scale.*large.png.*--tile") as notes:
        predict(Brightness(), [folder], tmp_path / "out")
    assert len(notes) == 1


# probabilities, averages and tiles of a real model

@pytest.fixture(scope="module")
def run(tmp_path_factory): return finished_run(tmp_path_factory.mktemp("runs") / "tiny").path


@pytest.fixture
def pixels(): return np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def test_the_largest_probability_is_the_class_that_is_predicted(run, pixels):
    predictor = Predictor(run)
    probabilities = predictor.probabilities(pixels)
    assert probabilities.dtype == np.float32 and probabilities.shape == (3, 70, 90)
    assert np.allclose(probabilities.sum(0), 1, atol=1e-5)
    assert (probabilities.argmax(0) == predictor(pixels)).mean() > 0.999  # but for ties


def test_flipping_averages_an_image_and_its_mirror_image(run, pixels):
    plain, both = Predictor(run), Predictor(run, options=PredictorOptions("flip"))
    mirrored = plain.scaled_probabilities(pixels[:, ::-1])[..., ::-1]
    mean = (plain.scaled_probabilities(pixels) + mirrored) / 2
    assert np.allclose(both.scaled_probabilities(pixels), mean, atol=2e-3)
    with pytest.raises(UserError, match="flip"): PredictorOptions("filp")


def test_tiles_are_predicted_at_the_image_s_own_resolution(run, pixels):
    "A tile as large as the image is the image: a model of 24x32 shrinks it otherwise."
    tiled = Predictor(run, options=PredictorOptions(tiles=TileOptions((96, 96))))
    probabilities = tiled.probabilities(pixels)
    assert np.allclose(probabilities.sum(0), 1, atol=1e-5)
    assert (tiled(pixels) == probabilities.argmax(0)).mean() > 0.999
    assert tiled.is_tiled and np.abs(probabilities - Predictor(run).probabilities(pixels)).max() > 0.01
    small = Predictor(run, options=PredictorOptions(tiles=TileOptions((64, 64))))
    assert small(pixels).shape == (70, 90)
    assert 0 <= small.certainty(pixels) <= 1


# What `--continue` may skip

def test_another_film_s_frames_of_the_same_names_are_predicted(folder, tmp_path):
    "Older than the first film's masks, as they are when both lay there before."
    other = tmp_path / "other"
    other.mkdir()
    for image in folder.iterdir(): Image.new("RGB", (30, 20), (255,) * 3).save(other / image.name)
    for image in other.iterdir(): os.utime(image, (1e9,) * 2)
    out, goes_on = tmp_path / "out", PredictOptions(goes_on=True)
    predict(Brightness(), [folder], out, goes_on)
    with pytest.warns(Note, match="30 images predicted anew: .*another image's"):
        assert len(predict(Brightness(), [other], out, goes_on)) == 30
    assert np.asarray(Image.open(out / "00.png")).all()  # white
    with pytest.warns(Note, match="30 images predicted already"):
        assert predict(Brightness(), [other], out, goes_on) == []


@pytest.mark.parametrize("first, then", [
    (PredictOptions(), PredictOptions("values")), (PredictOptions(overlays="none"), PredictOptions())],
    ids=["format", "overlays"])
def test_what_was_made_otherwise_is_made_anew(folder, tmp_path, first, then):
    predictor = Brightness(options=PredictorOptions())
    predictor.card = replace(CARD, values=(70, 90))
    predict(predictor, [folder], tmp_path / "out", first)
    written = predict(predictor, [folder], tmp_path / "out", replace(then, goes_on=True))
    assert len(written) == 30
    if then.format == "values": assert set(np.unique(Image.open(tmp_path / "out/29.png"))) <= {70, 90}


def test_other_options_of_the_model_or_another_model_make_it_anew(folder, tmp_path):
    out, goes_on = tmp_path / "out", PredictOptions(goes_on=True)
    tiled = PredictorOptions(tiles=TileOptions((64, 64)))
    model = tmp_path / "model"
    def by(content: bytes, options=PredictorOptions()):
        predictor = Brightness(options=options)
        model.write_bytes(content)
        predictor.files = (model,)
        return len(predict(predictor, [folder], out, goes_on))
    assert [by(b"1"), by(b"1"), by(b"2"), by(b"2"), by(b"2", tiled), by(b"2", tiled)] == [30, 0, 30, 0, 30, 0]


def test_what_a_killed_program_left_of_the_record_is_no_hindrance(folder, tmp_path):
    "Half of the last line is missing, so that image is predicted again; what follows begins in a line of its own."
    out, goes_on = tmp_path / "out", PredictOptions(goes_on=True, overlays="none")
    predict(Brightness(), [folder], out, goes_on)
    record = out / RECORD
    record.write_bytes(record.read_bytes()[:-30])
    with pytest.warns(Note, match="29 images"): assert len(predict(Brightness(), [folder], out, goes_on)) == 1
    with pytest.warns(Note, match="30 images"): assert predict(Brightness(), [folder], out, goes_on) == []


def test_an_image_that_was_replaced_by_an_older_one_is_predicted_again(folder, tmp_path):
    "Copies and moves keep the time of writing."
    out, goes_on = tmp_path / "out", PredictOptions(goes_on=True)
    predict(Brightness(), [folder], out, goes_on)
    other = tmp_path / "other.png"
    Image.new("RGB", (30, 20), (255,) * 3).save(other)
    os.utime(other, (1e9,) * 2)
    shutil.copy2(other, folder / "03.png")
    with pytest.warns(Note, match="29 images"): assert len(predict(Brightness(), [folder], out, goes_on)) == 1
    assert np.asarray(Image.open(out / "03.png")).all()


def test_a_file_that_is_about_to_be_written_is_of_no_image(tmp_path):
    "Else it would be taken for the former image's, where the program ends between the mask and its line."
    record, file, image = PredictRecord(tmp_path, "model"), tmp_path / "a.png", tmp_path / "images" / "a.png"
    record.add([file], image, "1 2 3")
    assert PredictRecord(tmp_path, "model").is_of(file, image, "1 2 3")
    record.begin([file])
    for each in (record, PredictRecord(tmp_path, "model")): assert not each.is_of(file, image, "1 2 3")


def test_nothing_is_recorded_through_a_link(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / RECORD).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="no regular file but a link"): predict(Brightness(), [folder], out)
    assert not (tmp_path / "elsewhere").exists()


def test_polygons_of_another_image_are_not_taken_for_this_one_s(folder, tmp_path):
    other, out, options = tmp_path / "other", tmp_path / "out", PredictOptions("labelme", goes_on=True)
    other.mkdir()
    Image.new("RGB", (30, 20)).save(other / "00.png")
    predict(Brightness(), [folder], out, options)
    with pytest.raises(UserError, match=r"00\.json: is there already, and may hold corrections"):
        predict(Brightness(), [other], out, options)


def test_probabilities_beside_polygons_are_not_forgotten(folder, tmp_path):
    "They can't be written without the polygons, which stay."
    predict(Brightness(), [folder], tmp_path / "out", PredictOptions("labelme"))
    with pytest.raises(UserError, match=r"00\.json: is there already, and may hold corrections"):
        predict(Brightness(), [folder], tmp_path / "out", PredictOptions("labelme", goes_on=True, probabilities="npz"))


def test_what_lies_in_a_folder_and_is_not_looked_at_is_told(folder, tmp_path):
    (tmp_path / "night").mkdir()
    (folder / "night").symlink_to(tmp_path / "night")
    (folder / "clip.MP4").write_bytes(b"")
    with pytest.warns(Note, match="1 folders behind links, such as .*night and 1 films in folders, such as .*clip.MP4"):
        predict(Brightness(), [folder], tmp_path / "out")


def test_images_of_formats_that_are_not_read_are_told_of(folder, tmp_path):
    for name in ("IMG_1.HEIC", "IMG_2.heic", "._IMG_1.HEIC", "notes.txt"): (folder / name).write_bytes(b"")
    with pytest.warns(Note, match=r"^2 files in formats that aren't read, such as .*IMG_1.HEIC, left out; convert"):
        predict(Brightness(), [folder], tmp_path / "out")
    with pytest.warns(Note, match="^1 file in formats"):
        predict(Brightness(), [folder / "*1*"], tmp_path / "out1")


def test_a_listed_name_that_no_file_can_have_fails_alone(folder, tmp_path):
    (tmp_path / "list.txt").write_text(f"images/00.png\nimages/{'x' * 300}.png\n")
    with pytest.raises(PartlyDone, match="1 of 2.*File name too long"):
        predict(Brightness(), [], tmp_path / "out", PredictOptions(listed=tmp_path / "list.txt"))
