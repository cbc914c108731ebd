"What is read of image files of any channels and depth, and what is refused."

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from linknet_fastai.errors import UserError
from linknet_fastai.images.format import ImageFormat, displayed
from linknet_fastai.images.header import frame_count, image_size, is_deep_file
from linknet_fastai.images.opening import is_banded
from linknet_fastai.images.resize import resized


def pixels(height=6, width=9, channels=4, kind=np.uint8, highest=255):
    values = np.random.default_rng(0).random((height, width, channels)) * highest
    return values.astype(kind)


def write(path, values, **options):
    options = {"photometric": "minisblack", "planarconfig": "contig"} | options
    tifffile.imwrite(path, values, **options)
    return path


@pytest.mark.parametrize("channels", [2, 4, 5])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_any_number_of_channels_is_read_as_it_is(tmp_path, channels, planar):
    values = pixels(channels=channels)
    stored = values if planar == "contig" else np.moveaxis(values, -1, 0).copy()
    file = write(tmp_path / "a.tif", stored, planarconfig=planar)
    assert is_banded(file) and frame_count(file) == 1
    assert image_size(file) == (6, 9) and not is_deep_file(file)
    np.testing.assert_array_equal(ImageFormat(channels).read(file), values)


@pytest.mark.parametrize("kind, highest", [(np.uint16, 4095), (np.float32, 4095), (np.float64, 4095), (np.int32, 4095)])
def test_depth_is_scaled_by_the_range(tmp_path, kind, highest):
    values = pixels(kind=kind, highest=highest)
    file = write(tmp_path / "a.tif", values)
    assert is_deep_file(file)
    expected = np.round(values.astype(float) / 4095 * 255)
    np.testing.assert_array_equal(ImageFormat(4, (0, 4095)).read(file), expected)
    with pytest.raises(UserError, match=rf"a.tif: has numbers of more than 8 bits \({np.dtype(kind)}\)"):
        ImageFormat(4).read(file)


def test_colors_of_16_bits_are_read_with_a_range(tmp_path):
    values = pixels(channels=3, kind=np.uint16, highest=65535)
    file = write(tmp_path / "a.tif", values, photometric="rgb")
    np.testing.assert_array_equal(ImageFormat(3, (0, 65535)).read(file), np.round(values / 257))
    with pytest.raises(UserError, match="a.tif: .*16"): ImageFormat().read(file)


def test_gray_is_repeated_and_color_becomes_gray(tmp_path):
    gray = pixels(channels=1)[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(ImageFormat().read(tmp_path / "gray.png"), np.stack([gray] * 3, axis=-1))
    np.testing.assert_array_equal(ImageFormat(1).read(tmp_path / "gray.png"), gray[..., None])
    color = pixels(channels=3)
    Image.fromarray(color).save(tmp_path / "color.png")
    expected = color @ [0.299, 0.587, 0.114]  # ITU-R 601
    for source in (tmp_path / "color.png", color, torch.tensor(color).permute(2, 0, 1)):
        np.testing.assert_allclose(ImageFormat(1).read(source)[..., 0], expected, atol=0.51)


def test_rgba_of_four_channels_keeps_its_fourth(tmp_path):
    values = pixels()
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(ImageFormat(4).read(tmp_path / "a.png"), values)
    np.testing.assert_array_equal(ImageFormat(3).read(tmp_path / "a.png"), values[..., :3])


@pytest.mark.parametrize("channels, message", [
    (3, "a.tif: has 5 channels, and 3 are trained on; .*--channels 5"), (1, "has 5 channels, and 1 is trained on"),
    (4, "has 5 channels, and 4")])
def test_another_number_of_channels_is_refused(tmp_path, channels, message):
    with pytest.raises(UserError, match=message):
        ImageFormat(channels).read(write(tmp_path / "a.tif", pixels(channels=5)))


def test_three_channels_are_not_four(tmp_path):
    Image.fromarray(pixels(channels=3)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="a.png: has 3 channels, and 4 are trained on"):
        ImageFormat(4).read(tmp_path / "a.png")


def test_arrays_and_tensors_of_channels():
    values = pixels(channels=5)
    np.testing.assert_array_equal(ImageFormat(5).read(values), values)
    tensor = torch.tensor(values).permute(2, 0, 1)
    np.testing.assert_array_equal(ImageFormat(5).read(tensor), values)
    np.testing.assert_array_equal(ImageFormat(5).read(tensor / 255), values)
    np.testing.assert_array_equal(ImageFormat(5, (0, 510)).read(tensor * 2.0), values)


def test_a_damaged_tiff_is_one_message(tmp_path):
    file = write(tmp_path / "a.tif", pixels(64, 64))
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(UserError, match="a.tif: can't be read as an image"): ImageFormat(4).read(file)
    file.write_bytes(b"II*\0nonsense")
    with pytest.raises(UserError, match="a.tif: can't be read as an image"): ImageFormat(4).read(file)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_colors_of_16_bits_are_known_however_they_are_stored(tmp_path, planar, compression):
    "Pillow has uncompressed bands of 16 bits as garbage of 8."
    values = np.moveaxis(pixels(20, 30, 3, np.uint16, 1023), -1, 0) if planar == "separate" else pixels(
        20, 30, 3, np.uint16, 1023)
    path = write(tmp_path / "a.tif", values, photometric="rgb", planarconfig=planar, compression=compression)
    assert is_banded(path) and is_deep_file(path)
    expected = np.round(pixels(20, 30, 3, np.uint16, 1023) / 1023 * 255)
    assert np.abs(ImageFormat(3, (0, 1023)).read(path) - expected).max() <= 1
    with pytest.raises(UserError, match="a.tif: has numbers of more than 8 bits"): ImageFormat().read(path)
    other = path.rename(tmp_path / "a.image")
    with pytest.raises(UserError, match="a.image: can't be read as an image .*16 bits"): ImageFormat().read(other)


@pytest.mark.parametrize("kind, photometric, part", [
    (np.uint16, "miniswhite", "white is 0"), (np.float32, "miniswhite", "white is 0"),
    (np.int8, "minisblack", "signed numbers")])
def test_grays_that_would_be_read_as_others_are_refused(tmp_path, kind, photometric, part):
    path = write(tmp_path / "a.tif", pixels(channels=1, kind=kind, highest=100)[..., 0], photometric=photometric)
    format = ImageFormat(1, None if kind is np.int8 else (0, 100))
    with pytest.raises(UserError, match=f"a.tif: .*{part}"): format.read(path)


def test_printing_inks_are_no_four_channels(tmp_path):
    Image.new("CMYK", (9, 6), (10, 20, 30, 40)).save(tmp_path / "a.jpg")
    with pytest.raises(UserError, match="a.jpg: is of printing inks"): ImageFormat(4).read(tmp_path / "a.jpg")
    assert ImageFormat(3).read(tmp_path / "a.jpg").shape == (6, 9, 3)


@pytest.mark.parametrize("channels", [1, 2])
def test_pixels_that_are_no_numbers_are_refused(tmp_path, channels):
    values = pixels(channels=channels, kind=np.float32)
    values[2, 3] = np.nan
    file = write(tmp_path / "a.tif", values.squeeze())
    with pytest.raises(UserError, match="a.tif: holds pixels that are no numbers"):
        ImageFormat(channels, (0, 255)).read(file)


def test_a_turned_tiff_of_channels_is_refused(tmp_path):
    file = write(tmp_path / "a.tif", pixels(), extratags=[(274, "H", 1, 6, True)])
    with pytest.raises(UserError, match="a.tif: .*orientation is 6"): ImageFormat(4).read(file)


def test_each_channel_is_resized_for_itself():
    values = pixels(40, 60, 4)
    values[..., 3] = 0  # Pillow would take it for transparency, and lose the colors
    one = np.asarray(Image.fromarray(values[..., 1].copy()).resize((30, 20), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resized(values, (20, 30))[1], one)
    np.testing.assert_array_equal(resized(values[..., :3].copy(), (20, 30))[1], one)


def test_what_is_shown():
    values = pixels(channels=5)
    np.testing.assert_array_equal(displayed(values), values[..., :3])
    np.testing.assert_array_equal(displayed(values[..., :2])[..., 2], values[..., 0])


def test_no_channels_are_refused():
    with pytest.raises(UserError, match="--channels"): ImageFormat(0)
