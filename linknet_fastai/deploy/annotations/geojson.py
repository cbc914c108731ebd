"Predictions as GeoJSON (RFC 7946): in degrees, or in pixels from the upper left corner of images of no known place."

from typing import Any

import numpy as np

from ..georeference import Georeference, NoDegrees
from .polygons import regions

EDGE = 64  # pixels, the longest in degrees
HALF_ROUND = 180  # degrees: no edge is as long


def geojson_content(mask: np.ndarray, classes: tuple[str, ...],
                    place: Georeference | None = None) -> dict[str, Any]:
    """A feature a region of the mask uint8 `[H,W]`: a polygon with holes, whose `label` is its class.

    Coordinates are WGS 84's longitude and latitude where the image's `place` is known, else pixels.
    """
    return {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"label": classes[region.index]},
         "geometry": {"type": "Polygon",
                      "coordinates": [_closed(_placed(polygon, place)) for polygon in region.polygons]}}
        for region in regions(mask)]}


def _placed(polygon: np.ndarray, place: Georeference | None) -> np.ndarray:
    """Counterclockwise around a region, as RFC 7946 has it, whichever way y points.

    `NoDegrees` where it crosses the 180th meridian, at which it would have to be cut.
    """
    if place is None: return polygon
    points = place.degrees(_in_short_edges(polygon))
    if (np.abs(np.diff(points[:, 0], append=points[:1, 0])) > HALF_ROUND).any():
        raise NoDegrees("crosses the 180th meridian, where GeoJSON has no place for it; predict it with `--format "
                        "masks`.")
    return points[::-1] if place.is_mirrored else points


def _in_short_edges(polygon: np.ndarray) -> np.ndarray:
    "A polygon `[N,2]` with points along its long edges, since what is straight in the image isn't in degrees."
    edges = np.roll(polygon, -1, axis=0) - polygon
    parts = np.ceil(np.abs(edges).max(1) / EDGE).astype(int).clip(1)
    steps = np.concatenate([np.arange(count) / count for count in parts])[:, None]
    return polygon.repeat(parts, axis=0) + steps * edges.repeat(parts, axis=0)


def _closed(polygon: np.ndarray) -> list[list[float]]:
    return [*polygon.tolist(), polygon[0].tolist()]
