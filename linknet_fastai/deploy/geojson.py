"Predictions as GeoJSON, in pixels from the image's upper left corner (RFC 7946)."

from typing import Any

import numpy as np

from .polygons import regions


def geojson_content(mask: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    "A feature a region of the mask uint8 `[H,W]`: a polygon with holes, whose `label` is its class."
    return {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"label": classes[region.index]},
         "geometry": {"type": "Polygon", "coordinates": [_closed(polygon) for polygon in region.polygons]}}
        for region in regions(mask)]}


def _closed(polygon: np.ndarray) -> list[list[float]]:
    return [*polygon.tolist(), polygon[0].tolist()]
