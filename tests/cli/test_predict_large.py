"`linknet-fastai predict` of images that are too large to be read at once."

import numpy as np
import pytest
from command_line import assert_refused, linknet, succeed
from PIL import Image

rasterio = pytest.importorskip("rasterio")


def test_a_large_geotiff_is_predicted_by_tiles(run, tmp_path, monkeypatch):
    place = rasterio.transform.from_origin(500_000, 4_000_000, 10, 10)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 100, 140)).astype(np.uint8)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=140, height=100, count=3, dtype="uint8",
                       tiled=True, blockxsize=64, blockysize=64, crs="EPSG:32631", transform=place) as file:
        file.write(pixels)
    words = "predict", run, tmp_path / "a.tif", "--tile", "64x64", "--out"
    succeed(*words, tmp_path / "whole")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    succeed(*words, tmp_path / "rows")
    with (rasterio.open(tmp_path / "whole" / "a.tif") as whole, rasterio.open(tmp_path / "rows" / "a.tif") as rows):
        np.testing.assert_array_equal(whole.read(), rows.read())
        assert rows.transform == place and rows.crs.to_epsg() == 32631
    assert {path.name for path in (tmp_path / "rows").iterdir()} == {
        ".predicted.csv", "a.tif", "a_overlay.png"}
    assert_refused(linknet("predict", run, tmp_path / "a.tif", "--out", tmp_path / "out"), "a.tif", "--tile")
