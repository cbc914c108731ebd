"What files hold, and what is cached of them."

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linknet_fastai.datasets.file_scan import FileScan, scan_file
from linknet_fastai.datasets.files_inside import inside
from linknet_fastai.datasets.scan import ScanCache, scan_files


def scanned(root: Path | None, files: list[tuple[Path, str]]) -> dict[Path, FileScan]:
    return scan_files(root, files, partial(inside, root))


@pytest.fixture
def files(tmp_path) -> list[tuple[Path, str]]:
    root = tmp_path / "data"
    root.mkdir()
    Image.fromarray(np.full((3, 5, 3), 9, dtype=np.uint8)).save(root / "image.png")
    Image.fromarray(np.array([[0, 7, 7], [255, 7, 0]], dtype=np.uint8)).save(root / "indices.png")
    colors = np.zeros((2, 2, 3), dtype=np.uint8)
    colors[0, 0] = 1, 2, 3
    Image.fromarray(colors).save(root / "colors.png")
    return [(root / "image.png", "image"), (root / "indices.png", "mask"), (root / "colors.png", "mask")]


def test_sizes_and_values(files):
    image, indices, colors = scanned(files[0][0].parent, files).values()
    assert image.size == (3, 5) and image.content and not image.values
    assert indices.size == (2, 3) and dict(indices.values) == {0: 2, 7: 3, 255: 1}
    assert colors.size == (2, 2) and dict(colors.values) == {0: 3, 0x010203: 1}


def test_equal_pixels_are_equal_content_whatever_the_format(files):
    path, root = files[0][0], files[0][0].parent
    Image.open(path).save(root / "copy.bmp")
    Image.fromarray(np.full((5, 3, 3), 9, dtype=np.uint8)).save(root / "turned.png")  # as many pixels of that color
    scans = scanned(root, [(path, "image"), (root / "copy.bmp", "image"), (root / "turned.png", "image")])
    assert scans[path].content == scans[root / "copy.bmp"].content != scans[root / "turned.png"].content


def test_nothing_is_read_twice(files, monkeypatch):
    root = files[0][0].parent
    first = scanned(root, files)
    monkeypatch.setattr("linknet_fastai.datasets.scan.scan_file", lambda *_: pytest.fail("read again"))
    again = scanned(root, files)
    def content(scans): return [(scan.size, dict(scan.values), scan.content) for scan in scans.values()]
    assert content(again) == content(first)


def test_a_changed_file_is_read_again(files):
    path, root = files[1][0], files[1][0].parent
    scanned(root, files)
    Image.fromarray(np.array([[3]], dtype=np.uint8)).save(path)
    assert dict(scanned(root, files)[path].values) == {3: 1}


def test_a_file_of_the_same_size_but_another_time_is_read_again(files):
    path, root = files[1][0], files[1][0].parent
    Image.new("L", (1, 1), 5).save(path)
    scanned(root, files)
    before = path.stat()
    Image.new("L", (1, 1), 6).save(path)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert dict(scanned(root, files)[path].values) == {6: 1}


def test_a_file_that_is_saved_while_it_is_read_is_read_again(files, monkeypatch):
    path, root = files[1][0], files[1][0].parent
    def read_and_save(*args):
        scan = scan_file(*args)
        if args[0] == path: Image.new("L", (1, 1), 3).save(path)
        return scan
    with monkeypatch.context() as patch:
        patch.setattr("linknet_fastai.datasets.scan.scan_file", read_and_save)
        assert dict(scanned(root, files)[path].values) == {0: 2, 7: 3, 255: 1}
    assert dict(scanned(root, files)[path].values) == {3: 1}


def test_files_that_lie_anywhere(files, monkeypatch):
    "Without a folder they are read, and not read twice, all the same."
    first = [(scan.size, dict(scan.values)) for scan in scanned(None, files).values()]
    assert first == [((3, 5), {}), ((2, 3), {0: 2, 7: 3, 255: 1}), ((2, 2), {0: 3, 0x010203: 1})]
    monkeypatch.setattr("linknet_fastai.datasets.scan.scan_file", lambda *_: pytest.fail("read again"))
    assert [(scan.size, dict(scan.values)) for scan in scanned(None, files).values()] == first


def test_what_was_wrong_is_scanned_again(files):
    path, root = files[0][0], files[0][0].parent
    content = path.read_bytes()
    path.unlink()
    assert "no such file" in scanned(root, files)[path].error
    path.write_bytes(content)
    assert not scanned(root, files)[path].error


@pytest.mark.parametrize("content", ["", "[]", '{"format": 0}', "{half"])
def test_a_damaged_cache_is_no_cache(files, content):
    root = files[0][0].parent
    scanned(root, files)
    ScanCache(root).file.write_text(content)
    assert scanned(root, files)[files[0][0]].size == (3, 5)


def test_a_cache_that_cannot_be_written_costs_nothing_else(files, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert scanned(files[0][0].parent, files)[files[0][0]].size == (3, 5)
