"`linknet-fastai predict RUN FILM` and `predict RUN CAMERA`."

import importlib.util
import os

import numpy as np
import pandas as pd
import pytest
from command_line import assert_refused, linknet, succeed
from films import FRAMES, cut, noise, ramp, read_film, read_sound, turn, write_film
from finished_run import finished_run
from PIL import Image

from linknet_fastai.workflows import predict_camera as cameras
from linknet_fastai.workflows.open_predictor import open_predictor


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return finished_run(tmp_path_factory.mktemp("runs") / "tiny-1").path


def test_an_overlay_film(tiny, tmp_path):
    film = write_film(tmp_path / "clip.mp4", sound="aac")
    shown = succeed("predict", tiny, film, "--out", tmp_path / "out")
    assert "12 frames" in shown and "a second" in shown
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".predicted.csv", "clip.mp4"}
    pixels, times = read_film(tmp_path / "out" / "clip.mp4")
    assert times == read_film(film)[1] and pixels[0].shape == (48, 64, 3)
    assert read_sound(tmp_path / "out" / "clip.mp4") == read_sound(film)
    predictor = open_predictor(tiny)
    read = read_film(film)[0]
    palette = np.array(predictor.card.palette)
    for number in (0, 7):
        expected = (read[number].astype(int) + palette[predictor(read[number])]) / 2
        assert np.abs(pixels[number] - expected).mean() < 8


def test_masks_by_frame_keep_the_true_size_and_the_times(tiny, tmp_path):
    film = turn(write_film(tmp_path / "clip.mp4"), 90)
    odd = write_film(tmp_path / "odd.mkv", [ramp(number, (47, 63)) for number in range(3)], pix_fmt="yuv444p")
    succeed("predict", tiny, film, odd, "--frames", "--out", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "clip" / "frames.csv")
    assert list(table["frame"]) == list(range(1, FRAMES + 1))
    assert np.allclose(table["seconds"], np.arange(FRAMES) / 10)
    masks = sorted((tmp_path / "out" / "clip").glob("*.png"))
    assert [path.name for path in masks] == [f"{number:06}.png" for number in range(1, FRAMES + 1)]
    assert Image.open(masks[0]).size == (48, 64)
    assert Image.open(tmp_path / "out" / "odd" / "000003.png").size == (63, 47)
    expected = open_predictor(tiny)(np.ascontiguousarray(np.rot90(read_film(film)[0][5], -1)))
    assert (np.asarray(Image.open(masks[5])) == expected).mean() > 0.98


def test_polygons_by_frame(tiny, tmp_path):
    film = write_film(tmp_path / "clip.mp4")
    succeed("predict", tiny, film, "--frames", "--format", "geojson", "--out", tmp_path / "out")
    assert len(list((tmp_path / "out" / "clip").glob("*.geojson"))) == FRAMES


def test_one_film_by_its_name_smoothed(tiny, tmp_path):
    film = write_film(tmp_path / "clip.mp4")
    succeed("predict", tiny, film, "--smooth", 3, "--out", tmp_path / "there.mp4")
    assert len(read_film(tmp_path / "there.mp4")[0]) == FRAMES


def test_images_and_films_together(tiny, tmp_path):
    film = write_film(tmp_path / "clip.mp4")
    Image.fromarray(ramp(3)).save(tmp_path / "a.png")
    succeed("predict", tiny, film, tmp_path / "a.png", "--out", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        ".predicted.csv", "a.png", "a_overlay.png", "clip.mp4"}


def test_films_by_a_pattern(tiny, tmp_path):
    for name in ("a", "b"): write_film(tmp_path / f"{name}.mp4")
    succeed("predict", tiny, tmp_path / "*.mp4", "--out", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".predicted.csv", "a.mp4", "b.mp4"}
    assert_refused(linknet("predict", tiny, tmp_path / "c*.mp4", "--out", tmp_path / "out"), "no film matches")


def test_a_cut_film_is_written_as_far_as_it_can_be_read(tiny, tmp_path):
    film = cut(write_film(tmp_path / "clip.mp4", noise(), container={"movflags": "+faststart"}), 0.7)
    result = linknet("predict", tiny, film, "--out", tmp_path / "out")
    written = len(read_film(tmp_path / "out" / "clip.mp4")[0])
    assert 0 < written < FRAMES
    assert_refused(result, film, f"{written} frames")


def test_what_is_no_film_is_named_after_the_others_are_done(tiny, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    film = write_film(tmp_path / "clip.mp4")
    assert_refused(linknet("predict", tiny, tmp_path / "bad.mp4", film, "--out", tmp_path / "out"), "bad.mp4")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".predicted.csv", "clip.mp4"}


def test_a_film_is_never_written_over(tiny, tmp_path):
    film = write_film(tmp_path / "clip.mp4")
    content = film.read_bytes()
    assert_refused(linknet("predict", tiny, film, "--out", tmp_path), film)
    os.link(film, tmp_path / "same.mp4")
    linknet("predict", tiny, film, "--out", tmp_path / "same.mp4")
    assert film.read_bytes() == content
    (tmp_path / "b").mkdir()
    other = write_film(tmp_path / "b" / "clip.mp4")
    assert_refused(linknet("predict", tiny, film, other, "--out", tmp_path / "out"), other, film)


def test_flags_that_do_not_fit_are_named(tiny, tmp_path):
    film = write_film(tmp_path / "clip.mp4")
    Image.fromarray(ramp(3)).save(tmp_path / "a.png")
    for flags in (["--smooth", 0], ["--json"], ["--probabilities", "npz"], ["--format", "labelme"]):
        assert_refused(linknet("predict", tiny, film, *flags, "--out", tmp_path / "out"), flags[0])
    assert_refused(linknet("predict", tiny, tmp_path / "a.png", "--frames"), "--frames")
    assert not (tmp_path / "out").exists()


def test_masks_are_not_mixed_with_those_of_another_film(tiny, tmp_path):
    film = write_film(tmp_path / "clip.mp4")
    (tmp_path / "out" / "clip").mkdir(parents=True)
    (tmp_path / "out" / "clip" / "000099.png").touch()
    assert_refused(linknet("predict", tiny, film, "--frames", "--out", tmp_path / "out"), tmp_path / "out" / "clip")


def test_without_pyav_one_message(tiny, tmp_path, monkeypatch):
    film, find = write_film(tmp_path / "clip.mp4"), importlib.util.find_spec
    monkeypatch.setattr("linknet_fastai.extras.find_spec", lambda name: None if name == "av" else find(name))
    assert_refused(linknet("predict", tiny, film, "--out", tmp_path / "out"), "linknet-fastai[video]")


def test_a_camera_that_is_not_there(tiny, tmp_path):
    assert_refused(linknet("predict", tiny, 77, "--out", tmp_path / "out"), "camera 77")
    assert_refused(linknet("predict", tiny, 77, 78, "--out", tmp_path / "out"), "camera 77")
    assert not list(tmp_path.iterdir())


def test_a_camera_is_written_to_a_film_until_ctrl_c(tiny, tmp_path):
    import signal
    import time

    def pixels(number):
        for frame in range(1000):
            if frame == 10: os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)
            yield ramp(frame % 12)

    done = cameras.predict_camera(open_predictor(tiny), 0, tmp_path / "out", open_pixels=pixels)
    assert done.file == tmp_path / "out" / "camera0.mp4" and 0 < done.frames <= 12
    frames, times = read_film(done.file)
    assert len(frames) == done.frames and times == sorted(set(times))
