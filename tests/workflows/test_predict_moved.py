"Images that go away after they were read."

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from brightness import Brightness
from PIL import Image

from linknet_fastai.deploy.predictor_options import PredictorOptions
from linknet_fastai.errors import UserError
from linknet_fastai.files import NotWritten
from linknet_fastai.images.tiling import TileOptions
from linknet_fastai.workflows.predict import PartlyDone, PredictOptions, predict


class Moving(Brightness):
    "Removes an image before its prediction is written."

    def __init__(self, image: Path, options=PredictorOptions()):
        super().__init__(options=options)
        self.image = image

    def predict(self, pixels):
        mask = super().predict(pixels)
        self.image.unlink(missing_ok=True)
        return mask


@pytest.fixture
def tiffs(tmp_path):
    (tmp_path / "images").mkdir()
    for name in "ab":
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", np.full((40, 60, 3), 200, np.uint8), photometric="rgb",
                         tile=(16, 16))
    return tmp_path / "images"


def test_a_large_image_that_is_gone_fails_alone(tiffs, tmp_path, monkeypatch):
    "Its rows are read again for the overlay."
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(PartlyDone, match="1 of 2.*a.tif: there is no such file") as partly:
        predict(Moving(tiffs / "a.tif", PredictorOptions(tiles=TileOptions((64, 64)))), [tiffs], tmp_path / "out")
    assert [each.image.name for each in partly.value.written] == ["b.tif"]


def test_a_full_disk_ends_it_all_the_same(tiffs, tmp_path, monkeypatch):
    def save(mask, palette, path): raise NotWritten(f"{path}: can't be written (No space left on device); free some.")
    monkeypatch.setattr("linknet_fastai.deploy.output.save_mask", save)
    with pytest.raises(UserError, match="No space left") as raised: predict(Brightness(), [tiffs], tmp_path / "out")
    assert not isinstance(raised.value, PartlyDone)


def georeferenced(path: Path) -> Path:
    "North up, from 3 degrees east and the equator, 10 pixels a degree."
    rasterio = pytest.importorskip("rasterio")
    place = rasterio.transform.from_origin(3, 0, 0.1, 0.1)
    with rasterio.open(path, "w", driver="GTiff", width=60, height=40, count=3, dtype="uint8", crs="EPSG:4326",
                       transform=place) as file: file.write(np.full((3, 40, 60), 200, np.uint8))
    return path


def test_polygons_lie_where_their_image_did_when_it_was_read(tmp_path):
    image = georeferenced(tmp_path / "a.tif")
    written, = predict(Moving(image), [image], tmp_path / "out", PredictOptions("geojson"))
    ring, = json.loads(written.file.read_text())["features"][0]["geometry"]["coordinates"]
    np.testing.assert_allclose((np.min(ring, axis=0), np.max(ring, axis=0)), ((3, -4), (9, 0)))


def test_a_mask_lies_there_too(tmp_path):
    image = georeferenced(tmp_path / "a.tif")
    written, = predict(Moving(image), [image], tmp_path / "out")
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(written.file) as file:
        assert file.crs == "EPSG:4326" and tuple(file.bounds) == pytest.approx((3, -4, 9, 0))
