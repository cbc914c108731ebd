"What images hold beside what is trained on, by one look at each."

import pytest
import tifffile
from PIL import Image

from linknet_fastai.datasets.left_out import left_out_of
from linknet_fastai.images import opening


@pytest.fixture
def looks(monkeypatch):
    "The files that Pillow opens."
    files, open_file = [], Image.open
    def counted(source, *words, **options):
        files.append(source)
        return open_file(source, *words, **options)
    monkeypatch.setattr(opening.Image, "open", counted)
    return files


@pytest.mark.parametrize("name, mode, channels, told, most", [
    ("a.png", "RGB", 3, "", 1), ("a.png", "RGBA", 3, "transparency", 1), ("a.png", "RGB", 1, "in color", 1),
    ("a.tif", "RGBA", 3, "transparency", 2), ("a.png", "RGBA", 4, "", 1)])
def test_the_header_is_read_once(tmp_path, looks, name, mode, channels, told, most):
    "Of a TIFF once more, to see whether Pillow reads all of it."
    Image.new(mode, (8, 6)).save(tmp_path / name)
    found = left_out_of(tmp_path / name, channels)
    assert len(found) == bool(told) and all(told in fact for fact in found) and len(looks) <= most


def test_pages_are_counted_also_of_files_that_pillow_doesn_t_read(tmp_path):
    import numpy as np
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for _ in range(2): file.write(np.zeros((6, 8, 5), np.uint8), photometric="minisblack", planarconfig="contig")
    assert left_out_of(tmp_path / "a.tif", 5) == ["of several pages, of which the first is read"]
    (tmp_path / "b.tif").write_bytes(b"cut")
    assert left_out_of(tmp_path / "b.tif", 3) == []
