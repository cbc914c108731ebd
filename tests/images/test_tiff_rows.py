"TIFF files that are read by rows, beside tifffile and Pillow that read them whole."

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from linknet_fastai.datasets.left_out import left_out
from linknet_fastai.errors import Note, UserError
from linknet_fastai.images.format import FormattedRows, ImageFormat
from linknet_fastai.images.header import frame_count, image_size, is_deep_file
from linknet_fastai.images.opening import open_rows

SHAPE = (70, 50, 3)


def numbers(shape: tuple = SHAPE, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    high = 256 if dtype == np.uint8 else 4000
    return np.random.default_rng(seed).integers(0, high, shape).astype(dtype)


def written(path: Path, values: np.ndarray, **options) -> Path:
    tifffile.imwrite(path, values, **options)
    return path


def by_rows(rows) -> np.ndarray:
    "All of it, by overlapping slices from top to bottom."
    height = rows.shape[0]
    whole = np.empty((height, *rows.shape[1:]), rows[0:1].dtype)
    for top in range(0, height, 11):
        part = rows[top:top + 17]
        assert len(part) == min(17, height - top)
        whole[top:top + 17] = part
    return whole


@pytest.fixture
def small_limit(monkeypatch):
    "Files of more than 2000 pixels are beyond Pillow's limit."
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)


@pytest.mark.parametrize("options", [
    dict(), dict(rowsperstrip=7), dict(tile=(16, 32)), dict(tile=(16, 32), compression="deflate"),
    dict(rowsperstrip=9, compression="lzw"), dict(rowsperstrip=9, compression="deflate", predictor=True),
    dict(tile=(32, 16), compression="zstd", predictor=True), dict(bigtiff=True, rowsperstrip=5),
    dict(byteorder=">", tile=(16, 16)), dict(compression="packbits", rowsperstrip=3)], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_rows_are_what_tifffile_reads(tmp_path, options, dtype):
    if dtype == np.float32: options = {**options, "predictor": None}
    path = written(tmp_path / "a.tif", numbers(dtype=dtype), photometric="rgb", **options)
    rows = open_rows(path)
    assert rows.shape == SHAPE and rows.dtype == dtype
    np.testing.assert_array_equal(by_rows(rows), tifffile.imread(path))


@pytest.mark.parametrize("options", [dict(rowsperstrip=8), dict(tile=(16, 16), compression="deflate")], ids=str)
def test_channels_that_lie_one_after_the_other(tmp_path, options):
    values = numbers((5, 70, 50), np.uint16)
    path = written(tmp_path / "a.tif", values, planarconfig="separate", photometric="minisblack", **options)
    np.testing.assert_array_equal(by_rows(open_rows(path)), values.transpose(1, 2, 0))


@pytest.mark.parametrize("layout", [dict(rowsperstrip=16), dict(tile=(32, 32))], ids=str)
def test_jpeg_in_tiff(tmp_path, layout):
    path = written(tmp_path / "a.tif", numbers(), photometric="ycbcr", compression="jpeg", **layout)
    np.testing.assert_array_equal(by_rows(open_rows(path)), tifffile.imread(path))


def test_the_first_page_of_a_pyramid_is_the_image(tmp_path):
    path, values = tmp_path / "a.tif", numbers()
    with tifffile.TiffWriter(path) as file:
        file.write(values, subifds=1, tile=(16, 16), photometric="rgb")
        file.write(values[::2, ::2], subfiletype=1, photometric="rgb")
    np.testing.assert_array_equal(by_rows(open_rows(path)), values)


def test_tiles_that_are_not_stored_are_empty(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint8", tiled=True,
                       blockxsize=16, blockysize=16, sparse_ok=True) as file:
        file.write(np.full((1, 16, 16), 7, np.uint8), window=((16, 32), (32, 48)))
    with rasterio.open(path) as file: expected = file.read(1)
    np.testing.assert_array_equal(by_rows(open_rows(path))[..., 0], expected)
    assert expected.sum() == 7 * 256


def test_each_strip_is_decoded_once(tmp_path):
    rows = open_rows(written(tmp_path / "a.tif", numbers(), rowsperstrip=7, compression="deflate", photometric="rgb"))
    decoded, decode = [], rows._decode
    def counted(data, index, **tables):
        decoded.append(index)
        return decode(data, index, **tables)
    rows._decode = counted
    rows[20:22]
    assert decoded == [2, 3]
    by_rows(rows)
    assert sorted(decoded[2:]) == list(range(10))


def palette(path: Path):
    Image.fromarray(numbers((70, 50))).convert("P").save(path)


def turned(path: Path):
    Image.fromarray(numbers()).save(path, tiffinfo={274: 6})


REFUSED = {
    "palette": palette, "turned": turned,
    "bits": lambda path: Image.fromarray(numbers((70, 50))).convert("1").save(path),
    "white is 0": lambda path: written(path, numbers((70, 50)), photometric="miniswhite"),
    "CMYK": lambda path: Image.fromarray(numbers()).convert("CMYK").save(path),
    "premultiplied": lambda path: written(path, numbers((70, 50, 4)), photometric="rgb", extrasamples=["assocalpha"]),
    "complex": lambda path: written(path, numbers((70, 50)).astype(np.complex64), photometric="minisblack"),
}


@pytest.mark.parametrize("write", REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_by_rows_for_sure_is_refused(tmp_path, write):
    write(tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"a\.tif"): open_rows(tmp_path / "a.tif")


def test_strips_too_large_to_be_decoded_are_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "a.tif", numbers(), rowsperstrip=70, compression="deflate", photometric="rgb")
    monkeypatch.setattr("linknet_fastai.images.tiff_rows.LARGEST_BAND", 70 * 50 * 3 - 1)
    with pytest.raises(UserError, match=r"a\.tif.*tiles"): open_rows(path)


@pytest.mark.parametrize("options", [dict(), dict(byteorder=">"), dict(bigtiff=True), dict(rowsperstrip=9)], ids=str)
@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_one_strip_may_be_the_whole_image_where_nothing_is_decoded(tmp_path, monkeypatch, options, planarconfig):
    values = numbers(dtype=np.uint16)
    stored = values if planarconfig == "contig" else values.transpose(2, 0, 1)
    path = written(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planarconfig, **options)
    monkeypatch.setattr("linknet_fastai.images.tiff_rows.LARGEST_BAND", 1000)
    monkeypatch.setattr("linknet_fastai.images.tiff_rows.PLAIN_BAND", 1000)  # 3 rows
    rows = open_rows(path)
    np.testing.assert_array_equal(by_rows(rows), values)
    assert max(len(band) for band in rows._bands.values()) <= 3 and rows[0:1].dtype == np.dtype("=u2")


def test_a_missing_decoder_is_named(tmp_path, monkeypatch):
    path = written(tmp_path / "a.tif", numbers(), compression="lzw", photometric="rgb")
    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", Without())
    with pytest.raises(UserError, match=r"a\.tif.*imagecodecs"): FormattedRows(path, ImageFormat())[0:9]


class Without:
    def __getitem__(self, key): raise KeyError(f"{key} requires the 'imagecodecs' package")
    def __contains__(self, key): return False


@pytest.mark.parametrize("compression", [None, "deflate", "lzw"])
def test_a_file_that_is_cut_short(tmp_path, compression):
    path = written(tmp_path / "a.tif", numbers(), rowsperstrip=7, compression=compression, photometric="rgb")
    with tifffile.TiffFile(path) as file: cut = file.pages[0].dataoffsets[-1] + 10
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=r"a\.tif"): open_rows(path)


def test_a_file_that_is_cut_after_it_was_opened(tmp_path, small_limit):
    path = written(tmp_path / "a.tif", numbers(), rowsperstrip=7, photometric="rgb")
    rows = ImageFormat().open(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"a\.tif.*cut"): rows[40:70]


@pytest.mark.parametrize("tag,value", [(257, 1 << 31), (256, 1 << 31), (257, 9999), (256, 60), (278, 0), (277, 9000)])
def test_absurd_sizes_in_the_header(tmp_path, tag, value):
    path = written(tmp_path / "a.tif", numbers(), rowsperstrip=7, photometric="rgb")
    set_tag(path, tag, value)
    with pytest.raises(UserError, match=r"a\.tif"): by_rows(FormattedRows(path, ImageFormat()))


def test_damaged_data(tmp_path):
    path = written(tmp_path / "a.tif", numbers(), rowsperstrip=7, compression="deflate", photometric="rgb")
    with tifffile.TiffFile(path) as file: offset = file.pages[0].dataoffsets[4]
    content = bytearray(path.read_bytes())
    content[offset:offset + 20] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.tif"): by_rows(FormattedRows(path, ImageFormat()))


def set_tag(path: Path, tag: int, value: int):
    "A number in the first page's header."
    with tifffile.TiffFile(path) as file: entry = file.pages[0].tags[tag]
    content = bytearray(path.read_bytes())
    code = {3: "<H", 4: "<I"}[int(entry.dtype)]
    content[entry.valueoffset:entry.valueoffset + struct.calcsize(code)] = struct.pack(code, value & (
        0xFFFF if code == "<H" else 0xFFFFFFFF))
    path.write_bytes(content)


FORMATS = {
    "RGB": (SHAPE, np.uint8, ImageFormat(), {}), "gray as RGB": ((70, 50), np.uint8, ImageFormat(), {}),
    "transparency": ((70, 50, 4), np.uint8, ImageFormat(), dict(extrasamples=["unassalpha"])),
    "fourth channel": ((70, 50, 4), np.uint8, ImageFormat(4), dict(extrasamples=["unassalpha"])),
    "RGB as gray": (SHAPE, np.uint8, ImageFormat(1), {}), "gray": ((70, 50), np.uint8, ImageFormat(1), {}),
    "16 bits of gray": ((70, 50), np.uint16, ImageFormat(3, (0, 4000)), {}),
    "16 bits": (SHAPE, np.uint16, ImageFormat(3, (0, 4000)), {}),
    "bands": ((70, 50, 5), np.uint16, ImageFormat(5, (0, 4000)), dict(planarconfig="contig")),
    "floats": ((70, 50), np.float32, ImageFormat(1, (0, 4000)), {}),
}


@pytest.mark.parametrize("shape,dtype,format,options", FORMATS.values(), ids=FORMATS)
def test_large_files_are_opened_as_small_ones_are_read(tmp_path, monkeypatch, shape, dtype, format, options):
    photometric = "rgb" if shape[2:] in ((3,), (4,)) else "minisblack"
    path = written(tmp_path / "a.tif", numbers(shape, dtype), photometric=photometric, rowsperstrip=8, **options)
    facts = image_size(path), frame_count(path), is_deep_file(path), left_out([path])
    expected = format.read(path)
    assert isinstance(format.open(path), np.ndarray)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    rows = format.open(path)
    assert isinstance(rows, FormattedRows) and rows.shape == expected.shape
    np.testing.assert_array_equal(by_rows(rows), expected)
    assert rows[0:9].dtype == np.uint8
    assert facts == (image_size(path), frame_count(path), is_deep_file(path), left_out([path]))


def test_numbers_beyond_the_range_are_told_once(tmp_path, small_limit):
    path = written(tmp_path / "a.tif", numbers((70, 50), np.uint16), rowsperstrip=8, photometric="minisblack")
    rows = ImageFormat(1, (100, 3000)).open(path)
    with pytest.warns(Note, match=r"a\.tif") as notes: by_rows(rows)
    assert len(notes) == 1


@pytest.mark.parametrize("shape,dtype,format", [
    (SHAPE, np.uint16, ImageFormat()), (SHAPE, np.uint8, ImageFormat(3, (0, 1))),
    ((70, 50, 5), np.uint8, ImageFormat()), (SHAPE, np.uint8, ImageFormat(4))])
def test_other_formats_are_refused_before_rows_are_read(tmp_path, small_limit, shape, dtype, format):
    path = written(tmp_path / "a.tif", numbers(shape, dtype), photometric="minisblack" if shape[2] == 5 else "rgb",
                   planarconfig="contig")
    with pytest.raises(UserError, match=r"a\.tif"): format.open(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_large_file_is_not_read_whole(tmp_path, small_limit, dtype):
    path = written(tmp_path / "a.tif", numbers(dtype=dtype), photometric="rgb")
    format = ImageFormat(3, (0, 9) if dtype == np.uint16 else None)
    with pytest.raises(UserError, match=r"a\.tif.*--tile"): format.read(path)


def test_other_large_files_are_to_be_converted(tmp_path, small_limit):
    Image.fromarray(numbers()).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png.*TIFF"): ImageFormat().open(tmp_path / "a.png")
