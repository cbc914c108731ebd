"Damaged, dangerous and foreign files in place of images: one message that names the file, at once, and nothing else."

import io
import os
import socket
import struct
import time
import warnings
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from linknet_fastai.datasets.file_scan import FileScan, scan_file
from linknet_fastai.datasets.mask_file import read_mask_file
from linknet_fastai.errors import UserError
from linknet_fastai.images.format import ImageFormat
from linknet_fastai.images.header import frame_count, image_size, is_deep_file, orientation
from linknet_fastai.images.opening import open_image, open_upright

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
IMAGE = Image.fromarray(PIXELS)
EXIF_FILES = {"PNG": "a.png", "JPEG": "a.jpg", "WEBP": "a.webp"}
MOST_SECONDS = 10


def scan(kind: str, path: Path) -> FileScan:
    found = scan_file(path, kind, Path)
    if found.error: raise UserError(found.error)
    return found


READERS = [ImageFormat().read, ImageFormat(1).read, ImageFormat(4).read, read_mask_file, partial(scan, "image"),
           partial(scan, "mask"), image_size, orientation, frame_count, is_deep_file, open_image]


def refused(path: Path, *words: str, readers=READERS):
    "Each reader's message names the file, and says each of the words."
    for read in readers:
        with pytest.raises(UserError) as caught: read(path)
        for word in (str(path), *words): assert word in caught.value.message


# EXIF data

def exif(kind: int = 3, value: bytes = b"\6\0\0\0", values: int = 1, order: str = "<") -> bytes:
    "A block that says an orientation, and nothing else."
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}IHHHI4sI", 8, 1, 274, kind, values, value, 0)


@pytest.mark.parametrize("format", EXIF_FILES)
@pytest.mark.parametrize("block, reason", [
    (b"garbage of no kind", "garb"), (b"II*\0", "cut short"), (exif()[:14], "cut short"), (exif()[:9], "cut short"),
    (b"II*\0\xff\xff\xff\x7f" + bytes(20), "cut short"), (exif(2, b"abc\0", 4), "whole number"),
    (exif(3, b"\6\0\6\0", 2), "whole number"), (exif(5), "whole number")])
def test_damaged_exif_data_is_said(tmp_path, format, block, reason):
    path = tmp_path / EXIF_FILES[format]
    IMAGE.save(path, format, exif=b"Exif\0\0" + block)
    refused(path, "EXIF", reason, readers=[open_upright, image_size, orientation, ImageFormat().read,
                                           ImageFormat(1).read, read_mask_file, partial(scan, "image")])


@pytest.mark.parametrize("format", EXIF_FILES)
@pytest.mark.parametrize("block, tag", [
    (exif(), 6), (exif(value=b"\0\6\0\0", order=">"), 6), (exif(4), 6), (exif(1), 6), (exif(value=b"\3\0\0\0"), 3),
    (exif(value=b"\0\0\0\0"), 1), (exif(value=b"\x09\0\0\0"), 1), (exif(8, b"\xff\xff\0\0"), 1),
    (b"II*\0\x08\0\0\0\0\0\0\0\0\0", 1), (b"", 1)])
def test_whole_numbers_and_none_are_orientations(tmp_path, format, block, tag):
    path = tmp_path / EXIF_FILES[format]
    IMAGE.save(path, format, exif=b"Exif\0\0" + block)
    with Image.open(path) as image: stored = np.asarray(image.convert("RGB"))
    upright = {1: stored, 3: np.rot90(stored, 2), 6: np.rot90(stored, -1)}[tag]
    assert orientation(path) == tag and image_size(path) == upright.shape[:2]
    np.testing.assert_array_equal(ImageFormat().read(path), upright)


def test_damaged_exif_data_of_an_avif_is_said(tmp_path):
    made = Image.Exif()
    made[271] = "a maker"
    IMAGE.save(tmp_path / "a.avif", exif=made)
    content = (tmp_path / "a.avif").read_bytes()
    assert content.count(b"MM\0*") == 1
    (tmp_path / "a.avif").write_bytes(content.replace(b"MM\0*", b"garb"))
    refused(tmp_path / "a.avif", "EXIF")


def test_damaged_exif_data_of_an_image_in_memory_is_said():
    content = io.BytesIO()
    IMAGE.save(content, "PNG", exif=b"Exif\0\0garbage of no kind")
    for channels in (1, 3):
        with pytest.raises(UserError, match="the image: its EXIF"): ImageFormat(channels).read(Image.open(content))


def test_a_tiff_on_its_side_is_upright(tmp_path):
    made = Image.Exif()
    made[274] = 6
    IMAGE.save(tmp_path / "a.tif", exif=made)
    assert orientation(tmp_path / "a.tif") == 6 and image_size(tmp_path / "a.tif") == (24, 16)
    np.testing.assert_array_equal(ImageFormat().read(tmp_path / "a.tif"), np.rot90(PIXELS, -1))
    np.testing.assert_array_equal(ImageFormat().read(Image.open(tmp_path / "a.tif")), np.rot90(PIXELS, -1))


def test_a_text_as_a_tiffs_orientation_is_said(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS[..., 0], extratags=[(274, "s", 0, "abc", True)])
    refused(tmp_path / "a.tif", "EXIF", readers=[open_upright, image_size, orientation, read_mask_file])


# what is no image file

@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, partial(os.symlink, "/dev/zero"),
                                  lambda path: socket.socket(socket.AF_UNIX).bind(str(path))],
                         ids=["pipe", "folder", "device", "socket"])
def test_what_is_no_regular_file_is_never_opened(tmp_path, monkeypatch, name, make):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    make(Path(name))
    refused(Path(name), "no regular file")


def test_a_link_to_a_file_is_fine(tmp_path):
    IMAGE.save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    np.testing.assert_array_equal(ImageFormat().read(tmp_path / "b.png"), PIXELS)


@pytest.mark.parametrize("format, name", [("EPS", "a.png"), ("ICO", "a.png"), ("TGA", "a.tga"), ("PCX", "a.tif")])
def test_other_formats_are_refused(tmp_path, format, name):
    IMAGE.save(tmp_path / name, format)
    refused(tmp_path / name, "can't be read as an image")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.mpo", "a.bmp", "a.tif", "a.webp", "a.gif", "a.ppm", "a.pgm",
                                  "a.avif"])
def test_promised_formats_are_read(tmp_path, name):
    image = IMAGE.convert("L") if name == "a.pgm" else IMAGE
    image.save(tmp_path / name)
    assert ImageFormat().read(tmp_path / name).shape == PIXELS.shape and image_size(tmp_path / name) == (16, 24)


@pytest.mark.parametrize("size, is_fine", [((1, 1000), True), ((1, 1001), False), ((20_000, 1), False)])
@pytest.mark.parametrize("channels", [3, 5])
def test_a_line_of_pixels_is_refused_with_its_size(tmp_path, size, is_fine, channels):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((*size, channels), np.uint8), photometric="minisblack", planarconfig="contig")
    if is_fine: assert ImageFormat(channels).read(path).shape == (*size, channels)
    else: refused(path, f"{size[0]}x{size[1]}", readers=[image_size, ImageFormat(channels).read])


def test_a_long_line_is_refused_before_it_is_decoded(tmp_path):
    header = struct.pack(">II5B", 20_000_000, 1, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    refused(tmp_path / "a.png", "1x20000000", "1000 times")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_too_many_pixels_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16 * 24 / 2 - 1)
    IMAGE.save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "384 pixels")


# arrays

@pytest.mark.parametrize("values, word", [
    (np.array([[np.inf, 1]]), "inf"), (np.array([[np.nan, 1]]), "nan"), (np.array([[1.5, 1]]), "1.5"),
    (np.array([[1j]]), "complex"), (np.array([["a"]]), "<U1"), (np.array([[None]], dtype=object), "objects"),
    (np.zeros((2, 2), "datetime64[s]"), "datetime64")])
def test_arrays_of_no_classes_are_refused(tmp_path, values, word):
    np.save(tmp_path / "a.npy", values, allow_pickle=True)
    refused(tmp_path / "a.npy", word, readers=[read_mask_file, partial(scan, "mask")])


def test_an_array_that_promises_more_than_it_has_takes_no_memory(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 3), np.uint8))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(3, 3), }" + b" " * 12, b"(999999999, 999999), }"[:21]))
    refused(tmp_path / "a.npy", "can't be read as an array", readers=[read_mask_file])


def test_an_archive_of_arrays_is_no_array(tmp_path):
    np.savez(tmp_path / "a.npz", PIXELS)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    refused(tmp_path / "a.npy", "can't be read as an array", readers=[read_mask_file])


# mutations

def saved(image: Image.Image, format: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def bands(channels: int, kind, **options) -> bytes:
    content = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 200, (16, 24, channels)).astype(kind)
    tifffile.imwrite(content, values, photometric="minisblack", **options)
    return content.getvalue()


def originals(format: str) -> list[bytes]:
    "Files of a format, of all the ways in which it stores images."
    gray, palette, alpha = IMAGE.convert("L"), IMAGE.quantize(8), IMAGE.convert("RGBA")
    deep = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 255)
    turned = {"exif": b"Exif\0\0" + exif()}
    variants = {
        "PNG": [(IMAGE, turned), (gray, {}), (palette, {"transparency": 3}), (alpha, {}), (deep, {}),
                (IMAGE.convert("1"), {})],
        "JPEG": [(IMAGE, turned), (gray, {}), (IMAGE, {"progressive": True}), (IMAGE.convert("CMYK"), {})],
        "MPO": [(IMAGE, {"save_all": True, "append_images": [IMAGE]})],
        "BMP": [(IMAGE, {}), (gray, {}), (palette, {}), (alpha, {}), (IMAGE.convert("1"), {})],
        "TIFF": [(IMAGE, {}), (palette, {}), (deep, {}), (Image.fromarray(PIXELS[..., 0] / np.float32(2)), {}),
                 (IMAGE, {"compression": "tiff_lzw"}), (gray, {"compression": "tiff_adobe_deflate"}),
                 (IMAGE, {"compression": "jpeg"}), (alpha, {"compression": "packbits"}),
                 (gray, {"save_all": True, "append_images": [gray]}), (IMAGE.convert("1"), {"compression": "group4"})],
        "WEBP": [(IMAGE, turned), (alpha, {"lossless": True}), (IMAGE, {"save_all": True, "append_images": [gray]})],
        "GIF": [(palette, {}), (gray, {"save_all": True, "append_images": [palette, gray]})],
        "PPM": [(IMAGE, {}), (gray, {}), (IMAGE.convert("1"), {}), (deep, {})],
        "AVIF": [(IMAGE, turned), (alpha, {}), (gray, {})]}
    files = [saved(image, format, **options) for image, options in variants[format]]
    if format == "PPM": files.append(b"P3\n4 4\n255\n" + b"1 22 133 " * 16)
    if format == "TIFF":
        files += [bands(5, np.uint8), bands(4, np.uint16, planarconfig="separate"), bands(3, np.float64),
                  bands(6, np.uint8, compression="zlib", predictor=True), bands(5, np.int32, tile=(16, 16)),
                  bands(2, np.uint16, bigtiff=True)]
    return files


WORDS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1")


def mutated(rng: np.random.Generator, content: bytes) -> bytes:
    "A file damaged in one to four places, mostly near its start."
    data = bytearray(content)
    for damage, where, value, length in rng.integers(0, (7, 1 << 30, 256, 40), (rng.integers(1, 5), 4)).tolist():
        at = int(len(data) * (where / (1 << 30)) ** (3 if value % 4 else 1))
        if damage == 0 and at < len(data): data[at] ^= 1 << value % 8
        elif damage in (1, 2): data[at:at + 1] = bytes([value])
        elif damage == 3: data[at:at + 4] = WORDS[value % 4]
        elif damage == 4 and value < 64: del data[len(data) - at:]
        elif damage == 5: del data[at:at + length]
        elif damage == 6: data[at:at] = data[at:at + length]
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("format, name", [("PNG", "a.png"), ("JPEG", "a.jpg"), ("MPO", "b.jpg"), ("BMP", "a.bmp"),
                                          ("TIFF", "a.tif"), ("WEBP", "a.webp"), ("GIF", "a.gif"), ("PPM", "a.ppm"),
                                          ("AVIF", "a.avif")])
def test_mutated_files_are_read_or_refused(tmp_path, capfd, format, name):
    path, rng, files, fine = tmp_path / name, np.random.default_rng(0), originals(format), 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.resetwarnings()
        warnings.simplefilter("always")
        for number in range(count := 3000 if format == "TIFF" else 1000):  # which has many kinds
            path.write_bytes(mutated(rng, files[number % len(files)]))
            read, start = READERS[int(rng.integers(len(READERS)))], time.monotonic()
            try: read(path)
            except UserError as error: assert str(path) in error.message and "\n" not in error.message
            except BaseException as error: raise AssertionError(f"{format} {number}: {read}") from error
            else: fine += 1
            assert time.monotonic() - start < MOST_SECONDS, f"{format} {number}: {read}"
    printed = capfd.readouterr()
    assert not warned and not printed.out and (format == "TIFF" or not printed.err)  # libtiff writes lines of its own
    assert count / 10 < fine < 0.97 * count  # the damage is neither nothing nor everything
