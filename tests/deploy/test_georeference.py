"Predictions of GeoTIFF files, read with rasterio."

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from linknet_fastai.deploy import georeference as module
from linknet_fastai.deploy.annotations.geojson import geojson_content
from linknet_fastai.deploy.base_predictor import BasePredictor
from linknet_fastai.deploy.georeference import NoDegrees, georeference, is_georeferenced, lost_georeferences
from linknet_fastai.deploy.output import EXTRAS, FORMATS, Predicted
from linknet_fastai.deploy.predictor_options import PredictorOptions
from linknet_fastai.runs.card import ModelCard
from linknet_fastai.workflows.predict import PartlyDone, PredictOptions, predict
from linknet_fastai.workflows.predicting.record import FILE as RECORD

rasterio = pytest.importorskip("rasterio")
PALETTE = ((70, 130, 180), (128, 64, 128), (0, 0, 142))
PLACE = rasterio.transform.from_origin(500_000, 4_000_000, 10, 10)  # UTM 31N: 3 degrees east is at 500 km


def geotiff(path: Path, crs: str = "EPSG:32631", transform=PLACE) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 60)).astype(np.uint8)
    with rasterio.open(path, "w", driver="GTiff", width=60, height=40, count=3, dtype="uint8", crs=crs,
                       transform=transform) as file: file.write(pixels)
    return path


def predicted(image: Path, values: tuple | None = None) -> Predicted:
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 30:50], mask[0, 0] = 1, 2
    card = ModelCard("resnet18", "deconv", ("sky", "road", "car"), PALETTE, (64, 64), (0.5,) * 3, (0.5,) * 3, "tiny",
                     values=values)
    return Predicted(image, Path(image.name), np.full((40, 60, 3), 100, np.uint8), mask, card,
                     place=georeference(image))


def write(of: Predicted, format: str, out: Path) -> Path:
    out.mkdir()
    name, = FORMATS[format].names(of.relative, of.image)
    FORMATS[format].write(of, out / name)
    assert [path.name for path in out.iterdir()] == [name.name]
    return out / name


def test_a_mask_lies_where_its_image_does(tmp_path):
    of = predicted(geotiff(tmp_path / "a.tif"))
    file = write(of, "masks", tmp_path / "out")
    assert file.name == "a.tif"
    with rasterio.open(file) as found:
        assert found.crs.to_epsg() == 32631 and found.transform == PLACE and found.profile["tiled"]
        assert found.compression.value == "DEFLATE" and found.dtypes == ("uint8",)
        np.testing.assert_array_equal(found.read(1), of.mask)
        assert [found.colormap(1)[number][:3] for number in range(3)] == list(PALETTE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "out"]


@pytest.mark.parametrize("values", [(7, 8, 300), ((1, 2, 3), (4, 5, 6), (7, 8, 9))], ids=["numbers", "colors"])
def test_values_lie_there_too(tmp_path, values):
    of = predicted(geotiff(tmp_path / "a.tif"), values)
    with rasterio.open(write(of, "values", tmp_path / "out")) as found:
        assert found.transform == PLACE and found.crs.to_epsg() == 32631
        expected = np.array(values)[of.mask]
        np.testing.assert_array_equal(found.read().transpose(1, 2, 0).squeeze(), expected)


def test_a_full_disk_leaves_no_part_of_a_file(tmp_path):
    "GDAL writes the last blocks as it closes a file, and tells nobody where that fails."
    program = ("import resource, signal, sys; from pathlib import Path; import numpy as np; "
               "from linknet_fastai.deploy.georeference import save_geotiff; "
               "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
               "values = np.random.default_rng(0).integers(0, 3, (300, 300)).astype(np.uint8); "
               "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)); "
               "save_geotiff(values, None, Path(sys.argv[1]))")
    command = [sys.executable, "-c", program, tmp_path / "mask.tif"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert "NotWritten" in ended.stderr and "mask.tif" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_polygons_are_in_degrees(tmp_path):
    content = json.loads(write(predicted(geotiff(tmp_path / "a.tif", "EPSG:4326", rasterio.transform.from_origin(
        5, 50, 0.5, 0.25))), "geojson", tmp_path / "out").read_text())
    road, = [each for each in content["features"] if each["properties"]["label"] == "road"]
    ring = np.array(road["geometry"]["coordinates"][0])
    # columns 30 to 50 are 5 + 30/2 = 20 to 30 degrees east, rows 10 to 20 are 50 - 10/4 = 47.5 to 45 north
    assert {tuple(point) for point in ring.tolist()} == {(20, 47.5), (30, 47.5), (30, 45), (20, 45)}
    x, y = ring[:-1].T
    assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0  # counterclockwise (RFC 7946, 3.1.6)


def test_a_projection_is_undone(tmp_path):
    place = georeference(geotiff(tmp_path / "a.tif", transform=rasterio.transform.from_origin(500_000, 0, 10, 10)))
    # UTM 31N has its origin at the equator, 500 km west of 3 degrees east
    np.testing.assert_allclose(place.degrees(np.array([[0.0, 0.0]])), [[3, 0]], atol=1e-9)


def test_one_image_beside_the_globe_fails_alone(tmp_path):
    "A weather satellite sees the earth's disk, whose corners are sky."
    (tmp_path / "images").mkdir()
    disk = rasterio.transform.from_origin(-5_500_000, 5_500_000, 11_000_000 / 60, 11_000_000 / 40)
    geotiff(tmp_path / "images" / "b.tif", "+proj=geos +h=35785831 +lon_0=0 +sweep=y", disk)
    for name in "ac": geotiff(tmp_path / "images" / f"{name}.tif")
    with pytest.raises(PartlyDone, match="b.tif.*--format masks") as partly:
        predict(Sky(predicted(tmp_path / "x").card), [tmp_path / "images"], tmp_path / "out", PredictOptions("geojson"))
    assert [each.image.name for each in partly.value.written] == ["a.tif", "c.tif"]
    written = sorted(path.name for path in (tmp_path / "out").iterdir() if path.name != RECORD)
    assert written == ["a.geojson", "c.geojson", "failed.csv"]


class Sky(BasePredictor):
    "Sees nothing but sky."

    def __init__(self, card): super().__init__(card, PredictorOptions())

    def logits(self, pixels): return np.zeros((len(pixels), 3, *pixels.shape[1:3]))

    def classes_at(self, logits, size): return np.zeros(size, np.uint8)

    def _logits_at(self, logits, size): return logits

    def _array(self, logits): return logits


def test_other_images_have_no_place(tmp_path):
    Image.new("RGB", (60, 40)).save(tmp_path / "a.tif")
    Image.new("RGB", (60, 40)).save(tmp_path / "b.png")
    (tmp_path / "c.tif").write_bytes(b"II*\0\xff\xff\xff\xff")
    for path in tmp_path.iterdir():
        assert not is_georeferenced(path) and georeference(path) is None
        assert FORMATS["masks"].names(Path(path.name), path) == (Path(path.stem + ".png"),)


def test_without_rasterio_a_note_tells_what_is_lost(tmp_path, monkeypatch):
    image = geotiff(tmp_path / "a.tif")
    assert not lost_georeferences([image])
    monkeypatch.setattr(module, "has_rasterio", lambda: False)
    assert "linknet-fastai[geo]" in lost_georeferences([image])
    assert write(predicted(image), "masks", tmp_path / "out").name == "a.png"


def test_overlays_of_large_images_are_shrunk(tmp_path, monkeypatch):
    monkeypatch.setattr("linknet_fastai.deploy.output.LARGEST", 2399)
    monkeypatch.setattr("linknet_fastai.deploy.output.LONGEST", 30)
    EXTRAS["overlay-png"].write(predicted(tmp_path / "a.png"), tmp_path / "overlay.png")
    image = np.asarray(Image.open(tmp_path / "overlay.png"))
    assert image.shape == (20, 30, 3)
    assert image[7, 20].tolist() == [(100 + color) // 2 for color in PALETTE[1]]


def test_an_image_that_is_to_be_turned_is_refused(tmp_path):
    "Its coordinates are those of what is stored."
    (tmp_path / "images").mkdir()
    for name, turned in (("a", False), ("b", True)):
        with tifffile.TiffWriter(geotiff(tmp_path / "images" / f"{name}.tif")) as file:
            tags = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0, 0, 0, 5e5, 4e6, 0), True),
                    (34735, "H", 12, (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32631), True)]
            if turned: tags.append((274, "H", 1, 6, True))
            file.write(np.zeros((40, 60, 3), np.uint8), photometric="rgb", extratags=tags)
    with pytest.raises(PartlyDone, match=r"1 of 2.*b\.tif: can't be read .*orientation is 6; save it upright"):
        predict(Sky(predicted(tmp_path / "x").card), [tmp_path / "images"], tmp_path / "out")


def test_long_edges_follow_the_meridians(tmp_path):
    "Of a tile of 110 km, as satellites' are: straight in the image, bent in degrees."
    side = 1100  # pixels of 100 m
    place = georeference(geotiff(tmp_path / "a.tif", transform=rasterio.transform.from_origin(2e5, 5e6, 100, 100)))
    feature, = geojson_content(np.zeros((side, side), np.uint8), ("sky",), place)["features"]
    ring, = feature["geometry"]["coordinates"]
    edges = np.abs(np.diff(rasterio.warp.transform("EPSG:4326", "EPSG:32631", *np.transpose(ring)), axis=1))
    assert edges.max() <= 64.1 * 100 and ring[0] == ring[-1] and len(ring) == 4 * 18 + 1
    x, y = rasterio.warp.transform("EPSG:4326", "EPSG:32631", *np.transpose(ring))
    distance = np.min([np.abs(np.array(x) - edge) for edge in (2e5, 3.1e5)]
                      + [np.abs(np.array(y) - edge) for edge in (5e6, 4.89e6)], axis=0)
    assert distance.max() < 0.01  # meters from the border


def test_a_region_across_the_180th_meridian_is_refused(tmp_path):
    "UTM's first zone begins at it, about 166 km east of its origin; the image has 300 km."
    place = georeference(geotiff(tmp_path / "a.tif", "EPSG:32601", rasterio.transform.from_origin(0, 1e6, 5000, 5000)))
    sea = np.zeros((40, 60), np.uint8)
    with pytest.raises(NoDegrees, match="180th meridian"): geojson_content(sea, ("sea",), place)
    beside = np.zeros((40, 60), np.uint8)
    beside[:, 35:] = 1
    with pytest.raises(NoDegrees): geojson_content(beside, ("sea", "land"), place)  # its first region crosses it
    beyond = rasterio.transform.from_origin(2e5, 1e6, 5000, 5000)
    east = georeference(geotiff(tmp_path / "b.tif", "EPSG:32601", beyond))
    feature, = geojson_content(np.zeros((40, 60), np.uint8), ("sea",), east)["features"]
    assert all(-180 < x < -176 for x, _ in feature["geometry"]["coordinates"][0])
