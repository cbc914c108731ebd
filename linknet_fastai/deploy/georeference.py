"Where on the earth an image lies, by its GeoTIFF tags; predictions that keep that."

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import atomic_write
from ..images.mask import Palette
from ..images.opening import reading
from ..images.tiff import check_upright, first_page

PIXEL_SCALE, TIEPOINT, TRANSFORMATION, GEO_KEYS = 33550, 33922, 34264, 34735  # OGC GeoTIFF 1.1's tags
BLOCK = 256  # pixels a side of a written file's tiles
NO_DEGREES = "lies where its coordinate system has no degrees; predict it with `--format masks`."
DEGREES = "EPSG:4326"  # WGS 84's longitude and latitude, which RFC 7946 asks for


class NoDegrees(UserError):
    "An image, or a part of it, lies where its coordinate system has no longitude and latitude."


@dataclass(frozen=True)
class Georeference:
    "A coordinate system, and the affine map from pixels (x, y) to it, as rasterio has them."

    crs: Any
    transform: Any

    def degrees(self, points: np.ndarray) -> np.ndarray:
        """Longitude and latitude `[N,2]` of points (x, y) `[N,2]` in pixels from the image's upper left corner.

        `NoDegrees` where there are none, as beside the globe that a weather satellite sees.
        """
        from rasterio.warp import transform
        xs, ys = self.transform * (points[:, 0], points[:, 1])
        try: found = np.array(transform(self.crs, DEGREES, xs, ys)).T
        except Exception as error: raise NoDegrees(NO_DEGREES) from error  # GDAL's have no public class in common
        if not np.isfinite(found).all(): raise NoDegrees(NO_DEGREES)
        return found

    @property
    def is_mirrored(self) -> bool:
        "Whether what goes clockwise in coordinates whose y points down does so where y points north: nearly always."
        return self.transform.determinant < 0


def is_georeferenced(path: Path) -> bool:
    "Whether a file is a GeoTIFF, by its header alone; False for one that can't be read: who reads it hears why."
    if path.suffix.lower() not in (".tif", ".tiff") or not path.is_file(): return False
    try:
        with first_page(path) as (page, _):
            has_place = TRANSFORMATION in page.tags or (PIXEL_SCALE in page.tags and TIEPOINT in page.tags)
            return has_place and GEO_KEYS in page.tags
    except MemoryError: raise
    except Exception: return False


@cache
def has_rasterio() -> bool:
    "Whether the extra `geo` is installed."
    return find_spec("rasterio") is not None


def keeps_georeference(path: Path) -> bool:
    "Whether a prediction of the image lies where the image does."
    return has_rasterio() and is_georeferenced(path)


def lost_georeferences(images: Sequence[Path]) -> str:
    "A note where images are georeferenced, and their predictions won't be; empty where there is nothing to tell."
    count = 0 if has_rasterio() else sum(map(is_georeferenced, images))
    if not count: return ""
    return (f"{count} images are georeferenced, which is left out of their predictions; "
            "`pip install 'linknet-fastai[geo]'` keeps it")


def georeference(path: Path) -> Georeference | None:
    """Of a GeoTIFF; None for other images, where rasterio isn't installed, and without a coordinate system.

    `UserError` for one that is to be turned: its coordinates are those of what is stored.
    """
    if not keeps_georeference(path): return None
    import rasterio
    with reading(path), first_page(path) as (page, _): check_upright(page)
    with reading(path), rasterio.Env(GDAL_PAM_ENABLED=False), rasterio.open(path) as file:
        return Georeference(file.crs, file.transform) if file.crs else None


def save_geotiff(values: np.ndarray, place: Georeference | None, path: Path, palette: Palette | None = None):
    """Write numbers `[H,W]` or `[H,W,C]` as a GeoTIFF that lies in `place`, compressed without loss, in tiles.

    `palette` is the RGB color of each number, for one channel of uint8.
    """
    import rasterio
    bands = np.moveaxis(values, -1, 0) if values.ndim == 3 else values[None]
    where = {} if place is None else {"crs": place.crs, "transform": place.transform}
    # in memory first: where a disk is full as it closes a file, GDAL says nothing
    with atomic_write(path) as aside, rasterio.Env(GDAL_PAM_ENABLED=False), rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", height=bands.shape[1], width=bands.shape[2], count=len(bands),
                         dtype=bands.dtype.name, compress="deflate", tiled=True, blockxsize=BLOCK, blockysize=BLOCK,
                         BIGTIFF="IF_SAFER", **({"photometric": "RGB"} if len(bands) == 3 else {}), **where) as file:
            if palette is not None:
                file.write_colormap(1, {number: (*map(int, color), 255) for number, color in enumerate(palette)})
            file.write(bands)
        aside.write_bytes(memory.getbuffer())
