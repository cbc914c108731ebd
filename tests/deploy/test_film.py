"Films read, written, smoothed."

from fractions import Fraction

import av
import numpy as np
import pytest
from films import FRAMES, RATE, cut, noise, ramp, read_film, read_sound, turn, write_film

from linknet_fastai.deploy.films.frame import Frame
from linknet_fastai.deploy.films.reader import FilmReader
from linknet_fastai.deploy.films.smooth import Smoothed, check_smooth
from linknet_fastai.deploy.films.writer import FilmWriter
from linknet_fastai.errors import UserError


def frames_of(path) -> tuple[list[Frame], str]:
    with FilmReader(path) as reader: return [item for item in reader if isinstance(item, Frame)], reader.problem


def copied(film, to):
    "What is read of a film, written."
    with FilmReader(film) as reader, FilmWriter(to, reader.format, reader.sound) as writer:
        for item in reader: writer.write(item) if isinstance(item, Frame) else writer.copy(item)
    return to


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.ts", "a.avi"])
def test_every_frame_in_order(tmp_path, name):
    film = write_film(tmp_path / name, options={} if name != "a.avi" else {"bf": "0"})
    frames, problem = frames_of(film)
    assert len(frames) == FRAMES and not problem
    grays = [frame.pixels[40, 40, 0] for frame in frames]
    assert np.abs(np.array(grays, int) - [20 + 15 * number for number in range(FRAMES)]).max() <= 4
    assert all(abs(frame.time - frames[0].time - Fraction(number, RATE)) < Fraction(1, 500)
               for number, frame in enumerate(frames))


def test_a_film_with_frames_out_of_order_keeps_their_number_and_times(tmp_path):
    film = write_film(tmp_path / "a.mp4", options={"bf": "3", "b-adapt": "0"})
    with av.open(str(film)) as content:
        assert any(packet.pts != packet.dts for packet in content.demux(video=0) if packet.size)
    pixels, times = read_film(copied(film, tmp_path / "b.mp4"))
    assert times == [Fraction(number, RATE) for number in range(FRAMES)]
    assert [abs(int(each[40, 40, 0]) - 20 - 15 * number) < 6 for number, each in enumerate(pixels)] == [True] * FRAMES


def test_a_variable_rate_is_kept(tmp_path):
    times = [Fraction(tick, 1000) for tick in (0, 33, 40, 190, 1190, 1200)]
    film = write_film(tmp_path / "a.mp4", [ramp(number) for number in range(6)], times, tick=Fraction(1, 1000))
    assert read_film(copied(film, tmp_path / "b.mp4"))[1] == times


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (48, 63), (47, 64)])
def test_odd_sides_are_a_pixel_longer_in_the_film(tmp_path, size):
    file = tmp_path / "a.mp4"
    film = write_film(tmp_path / "a.mkv", [ramp(9, size)] * 3, pix_fmt="yuv444p")
    assert frames_of(film)[0][0].pixels.shape == (*size, 3)
    pixels = read_film(copied(film, file))[0]
    assert [each.shape for each in pixels] == [(48, 64, 3)] * 3


@pytest.mark.parametrize(("degrees", "quarters"), [(90, -1), (180, 2), (270, 1)])
def test_turned_films_are_upright(tmp_path, degrees, quarters):
    stored = read_film(write_film(tmp_path / "a.mp4"))[0][3]
    upright = np.rot90(stored, quarters)
    turned = turn(tmp_path / "a.mp4", degrees)
    assert np.abs(frames_of(turned)[0][3].pixels.astype(int) - upright).max() <= 3
    again = read_film(copied(turned, tmp_path / "b.mp4"))[0][3]
    assert again.shape == upright.shape and np.abs(again.astype(int) - upright).mean() < 4


@pytest.mark.parametrize(("how", "axis"), [("mirrored", 1), ("upside down", 0)])
def test_a_mirrored_film_is_not(tmp_path, how, axis):
    stored = read_film(write_film(tmp_path / "a.mp4"))[0][3]
    found = frames_of(turn(tmp_path / "a.mp4", how))[0][3].pixels
    assert np.abs(found.astype(int) - np.flip(stored, axis)).max() <= 3


@pytest.mark.parametrize(("space", "full"), [(5, 1), (1, 1), (1, 2)])
def test_red_stays_red(tmp_path, space, full):
    "Of ITU-R BT.601 and BT.709, of limited and of full range."
    red = np.full((48, 64, 3), (220, 20, 30), np.uint8)
    film = write_film(tmp_path / "a.mp4", [red] * 3, colorspace=space, color_range=full)
    assert np.abs(frames_of(film)[0][1].pixels.astype(int) - red).max() <= 4
    again = frames_of(copied(film, tmp_path / "b.mp4"))[0][1].pixels
    assert np.abs(again.astype(int) - red).max() <= 5


def test_the_written_film_says_its_colors(tmp_path):
    with av.open(str(copied(write_film(tmp_path / "a.mp4"), tmp_path / "b.mp4"))) as film:
        coder = film.streams.video[0].codec_context
        assert (coder.name, coder.pix_fmt, coder.colorspace, coder.color_range) == ("h264", "yuv420p", 1, 1)


def test_sound_is_copied(tmp_path):
    film = write_film(tmp_path / "a.mp4", sound="aac")
    assert read_sound(copied(film, tmp_path / "b.mp4")) == read_sound(film)


def test_sound_that_mp4_does_not_take_is_coded(tmp_path):
    film = write_film(tmp_path / "a.mkv", sound="pcm_f32le")
    with av.open(str(copied(film, tmp_path / "b.mp4"))) as written:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in written.decode(audio=0)])
    assert abs(len(samples) / 48000 - 1.2) < 0.1 and 0.15 < samples[5000:50000].std() < 0.3  # 0.3 / sqrt(2)


def test_a_film_that_was_cut_is_read_as_far_as_it_goes(tmp_path):
    whole = write_film(tmp_path / "a.mp4", noise(), container={"movflags": "+faststart"})
    film = cut(whole, 0.4)  # more than half a second is missing, wherever a frame ends
    frames, problem = frames_of(film)
    assert 0 < len(frames) < FRAMES and problem


def test_what_is_no_film_is_named(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no film at all, but words\n" * 50)
    cut(write_film(tmp_path / "headless.mp4"), 0.7)  # mp4's index is at its end
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        track = container.add_stream("aac", rate=48000)
        tone = av.AudioFrame.from_ndarray(np.zeros((2, 4800), np.float32), format="fltp", layout="stereo")
        tone.sample_rate, tone.pts = 48000, 0
        container.mux(track.encode(tone))
        container.mux(track.encode())
    for name in ("empty.mp4", "text.mp4", "headless.mp4", "sound.mp4", "missing.mp4"):
        with pytest.raises(UserError, match=name): FilmReader(tmp_path / name)


class Fake:
    "A predictor whose probabilities of class 1 are given, frame by frame."

    def __init__(self, *odds: float): self.odds = iter(odds)

    def scaled_probabilities(self, pixels):
        one = next(self.odds)
        return np.array([1 - one, one], np.float32).reshape(2, 1, 1).repeat(2, 1).repeat(3, 2)

    def classes_at(self, probabilities, size): return np.full(size, probabilities[:, 0, 0].argmax(), np.uint8)


def test_smooth_is_the_mean_of_the_last_frames():
    "Of 2: 0.9; (0.9 + 0.2) / 2 = 0.55; (0.2 + 0.7) / 2 = 0.45; (0.7 + 0.4) / 2 = 0.55. Without it 1, 0, 1, 0."
    smoothed = Smoothed(Fake(0.9, 0.2, 0.7, 0.4), 2)
    masks = [smoothed(np.zeros((4, 5, 3), np.uint8)) for _ in range(4)]
    assert [(mask.shape, int(mask[0, 0])) for mask in masks] == [((4, 5), each) for each in (1, 1, 0, 1)]


@pytest.mark.parametrize("number", [0, -1, 1001])
def test_smooth_has_bounds(number):
    with pytest.raises(UserError, match=str(number)): check_smooth(number)
