"Films in, films out: as many frames, at their times, upright, in color, with their sound."

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from films import FRAMES, RATE, SIZE, cut, ramp, read_film, read_sound, turn, write_film
from PIL import Image

from linknet_fastai.deploy.base_predictor import BasePredictor
from linknet_fastai.deploy.predictor_options import PredictorOptions
from linknet_fastai.errors import Note, UserError
from linknet_fastai.runs.card import ModelCard
from linknet_fastai.workflows.predict_camera import predict_camera
from linknet_fastai.workflows.predict_film import FilmOptions, predict_film
from linknet_fastai.workflows.predicting.record import FILE as RECORD

CARD = ModelCard("resnet18", "deconv", ("rest", "red"), ((0, 0, 0), (0, 0, 255)), SIZE, (0.5,) * 3, (0.5,) * 3, "tiny2")


class Red(BasePredictor):
    "Class 1 where red is more than 60 above green; it sees films of any size as they are."

    def __init__(self): super().__init__(CARD, PredictorOptions())

    def _scaled(self, pixels): return pixels

    def logits(self, pixels):
        red, green = (pixels[..., channel].astype(np.float32) for channel in (0, 1))
        return np.stack([60 + green - red, red - green - 60], axis=1) / 20

    def classes_at(self, logits, size): return logits.argmax(0).astype(np.uint8)

    def _logits_at(self, logits, size): return logits

    def _array(self, logits): return logits


def predicted(film, out, **options): return predict_film(Red(), film, out, FilmOptions(**options))


def is_near(pixels, color, tolerance=14) -> bool:
    return np.abs(pixels.reshape(-1, 3).mean(0) - color).max() < tolerance


def test_an_overlay_film_has_the_frames_and_their_times(tmp_path):
    "The red square is laid over with blue, the rest with black; B-frames are stored in another order than shown."
    film = write_film(tmp_path / "clip.mp4", options={"bf": "3"})
    done = predicted(film, tmp_path / "out")
    frames, times = read_film(tmp_path / "out" / "clip.mp4")
    assert (done.file, done.frames) == (tmp_path / "out" / "clip.mp4", FRAMES) and len(frames) == FRAMES
    assert times == [Fraction(number, RATE) for number in range(FRAMES)]
    for number, frame in enumerate(frames):
        assert frame.shape == (*SIZE, 3)
        assert is_near(frame[4:12, 4:16], (100, 15, 142)) and is_near(frame[30:, 40:], ((20 + 15 * number) / 2,) * 3)


def test_masks_by_frame_keep_odd_sizes(tmp_path):
    film = write_film(tmp_path / "odd.mkv", [ramp(number, (75, 101)) for number in range(3)], codec="ffv1",
                      pix_fmt="bgr0")
    predicted(film, tmp_path / "masks", frames=True)
    table = pd.read_csv(tmp_path / "masks" / "odd" / "frames.csv")
    assert table.frame.tolist() == [1, 2, 3] and table.seconds.tolist() == pytest.approx([0, 0.1, 0.2], abs=1e-3)
    for number in (1, 2, 3):
        mask = np.asarray(Image.open(tmp_path / "masks" / "odd" / f"{number:06}.png"))
        assert mask.shape == (75, 101) and (mask[:25, :33] == 1).all() and not mask[26:].any()
    predicted(film, tmp_path)
    frames, _ = read_film(tmp_path / "odd.mp4")
    assert frames[0].shape == (76, 102, 3)  # H.264 halves colors: the last row and column are doubled
    with pytest.raises(UserError, match="odd.*--out"): predicted(film, tmp_path / "masks", frames=True)


@pytest.mark.parametrize("degrees, corner", [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_films_that_are_shown_turned_are_upright(tmp_path, degrees, corner):
    "The red corner is where a player shows it, and nothing is left to be turned."
    film = turn(write_film(tmp_path / "phone.mp4"), degrees)
    predicted(film, tmp_path / "out")
    frames, _ = read_film(tmp_path / "out" / "phone.mp4")
    assert frames[0].shape[:2] == (SIZE[::-1] if degrees != 180 else SIZE)
    rows, columns = (slice(0, 12) if side == 0 else slice(-12, None) for side in corner)
    assert is_near(frames[0][rows, columns], (100, 15, 142))


def test_a_variable_frame_rate_is_kept(tmp_path):
    times = [Fraction(number, 100) for number in (0, 3, 11, 12, 40, 41, 77)]
    film = write_film(tmp_path / "vfr.mp4", [ramp(number) for number in range(7)], times, tick=Fraction(1, 100))
    predicted(film, tmp_path / "out")
    assert read_film(tmp_path / "out" / "vfr.mp4")[1] == times


@pytest.mark.parametrize("suffix, codec", [("mp4", "aac"), ("mkv", "libopus")])
def test_sound_is_kept(tmp_path, suffix, codec):
    film = write_film(tmp_path / f"loud.{suffix}", sound=codec)
    predicted(film, tmp_path / "out")
    after = read_sound(tmp_path / "out" / "loud.mp4")
    if codec == "aac": assert [content for _, content in after] == [content for _, content in read_sound(film)]
    assert float(after[-1][0]) == pytest.approx(FRAMES / RATE, abs=0.1)


def test_colors_come_back_as_they_were(tmp_path):
    film = write_film(tmp_path / "red.mp4", [np.full((48, 64, 3), (230, 20, 20), np.uint8)] * 3)
    predicted(film, tmp_path / "out")
    assert is_near(read_film(tmp_path / "out" / "red.mp4")[0][1], (115, 10, 137), 6)


def test_a_film_that_is_cut_is_written_as_far_as_it_can_be_read(tmp_path):
    film = write_film(tmp_path / "cut.mp4", [ramp(number % 12) for number in range(60)],
                      container={"movflags": "faststart"}, options={"g": "10"})
    cut(film, 0.6)
    with pytest.raises(UserError, match="cut.mp4") as raised: predicted(film, tmp_path / "out")
    frames, times = read_film(tmp_path / "out" / "cut.mp4")
    assert 10 < len(frames) < 60 and f"{len(frames)} frames" in str(raised.value)
    assert times == [Fraction(number, RATE) for number in range(len(frames))]


def test_what_is_no_film_is_named(tmp_path):
    without_index = cut(write_film(tmp_path / "index.mp4"), 0.5)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("a film")
    (tmp_path / "folder.mp4").mkdir()
    for path in (without_index, tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "folder.mp4",
                 tmp_path / "missing.mp4"):
        with pytest.raises(UserError, match=path.name): predicted(path, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*")) if (tmp_path / "out").exists() else True


def test_a_film_is_not_written_over_itself(tmp_path):
    film = write_film(tmp_path / "clip.mp4")
    before = film.read_bytes()
    with pytest.raises(UserError, match="--out"): predicted(film, tmp_path)
    assert film.read_bytes() == before


def test_what_ends_it_leaves_nothing_half_written(tmp_path):
    class Ended(Red):
        def predict(self, pixels): raise KeyboardInterrupt
    film = write_film(tmp_path / "clip.mp4")
    with pytest.raises(KeyboardInterrupt): predict_film(Ended(), film, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [RECORD]


def test_a_film_s_name_in_any_letters(tmp_path):
    film = write_film(tmp_path / "clip.mp4")
    predicted(film, tmp_path / "OUT.MP4")
    assert (tmp_path / "OUT.MP4").is_file()


def test_somebody_s_film_is_written_over_only_where_it_is_named(tmp_path):
    film, out = write_film(tmp_path / "clip.mkv"), tmp_path / "out"
    out.mkdir()
    for _ in range(2):  # made, then edited
        (out / "clip.mp4").write_bytes(b"mine")
        with pytest.raises(UserError, match="clip.mp4: .*--out"): predicted(film, out)
        assert (out / "clip.mp4").read_bytes() == b"mine"
        with pytest.raises(UserError, match="camera0.mp4: .*--out"):
            (out / "camera0.mp4").write_bytes(b"mine")
            predict_camera(Red(), 0, out, open_pixels=frames_of(5))
        (out / "clip.mp4").unlink()
        for _ in range(2): assert predicted(film, out).frames == FRAMES
    assert predicted(film, out / "camera0.mp4").frames == FRAMES


def test_in_a_run_s_own_folder_films_of_an_earlier_version_are_written_over(tmp_path):
    film, out, model = write_film(tmp_path / "clip.mkv"), tmp_path / "predictions", Red()
    model.files = (tmp_path / "model.safetensors",)
    (tmp_path / "config.json").write_text("{}")
    out.mkdir()
    (out / "clip.mp4").write_bytes(b"an earlier version's")
    assert predict_film(model, film, out).frames == FRAMES


@pytest.mark.parametrize("name, options", [("out.avi", {}), ("out.mp4", dict(frames=True))])
def test_a_folder_that_is_called_like_a_film_is_refused(tmp_path, name, options):
    film = write_film(tmp_path / "clip.mp4")
    with pytest.raises(UserError, match=name): predicted(film, tmp_path / name, **options)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("options, named", [(dict(smooth=0), "--smooth"), (dict(format="labelme"), "--frames"),
                                            (dict(format="labelme", frames=True), "labelme"),
                                            (dict(format="mask"), "masks")])
def test_options_that_don_t_fit_are_named(tmp_path, options, named):
    film = write_film(tmp_path / "clip.mp4")
    with pytest.raises(UserError, match=named): predicted(film, tmp_path / "out", **options)


def test_a_smoothed_film_flickers_less(tmp_path):
    "Every third frame has no red square: of single frames a third is without, of the mean of three none."
    frames = [ramp(5) if number % 3 else np.full((*SIZE, 3), 95, np.uint8) for number in range(9)]
    film = write_film(tmp_path / "flicker.mp4", frames)
    def shown(out, **options):
        predicted(film, tmp_path / out, frames=True, **options)
        files = sorted((tmp_path / out / "flicker").glob("*.png"))
        return [bool(np.asarray(Image.open(file))[4:12, 4:16].all()) for file in files]
    assert shown("one") == [bool(number % 3) for number in range(9)]
    assert shown("three", smooth=3)[2:] == [True] * 7


# cameras

def frames_of(count, ending=None):
    "As a camera gives them: so many, and then it ends, or `ending` is raised."
    def pixels(number):
        for each in range(count): yield ramp(each % 12)
        if ending is not None: raise ending
    return pixels


def test_a_camera_s_film_is_complete_when_it_ends(tmp_path):
    done = predict_camera(Red(), 0, tmp_path / "out", open_pixels=frames_of(5))
    frames, times = read_film(done.file)
    assert len(frames) == done.frames >= 1 and times == sorted(times)


def test_a_camera_that_is_lost_leaves_what_was_written(tmp_path):
    lost = UserError("camera 0: /dev/video0 can't be read")
    with pytest.raises(UserError, match="camera 0"):
        predict_camera(Red(), 0, tmp_path / "lost.mp4", open_pixels=frames_of(5, lost))
    assert len(read_film(tmp_path / "lost.mp4")[0]) >= 1


def test_a_camera_that_gives_nothing_is_named(tmp_path):
    with pytest.raises(UserError, match="camera 3"):
        predict_camera(Red(), 3, tmp_path / "out", open_pixels=frames_of(0))


def test_a_film_of_another_scale_is_told_of_once(tmp_path):
    film = write_film(tmp_path / "a.mp4", [ramp(number, (240, 320)) for number in range(3)])
    with pytest.warns(Note) as told: predicted(film, tmp_path / "out")
    [note] = [str(each.message) for each in told if issubclass(each.category, Note)]
    assert note.startswith(f"{film}: an image of 240x320 is") and "--tile" in note
