"Tiles of images at their own resolution as samples, for a validation that sees each pixel once."

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import torch

from ..images.mask import VOID
from ..images.tiling import Span, Tiling, spans
from .crops import region_name
from .decode import Sample, Size


class TileSample:
    """A tile of a sample, at `rows` and `columns`, read when it is asked for.

    Its mask is void outside `own_rows` and `own_columns`: those pixels lie nearer to the middle of another tile.
    """

    instances = None

    def __init__(self, sample: Sample, rows: Span, columns: Span, own_rows: Span, own_columns: Span):
        self.sample, self.rows, self.columns = sample, rows, columns
        self.own_rows, self.own_columns = own_rows, own_columns

    @property
    def path(self) -> Path:
        "The image file, with the tile's rows and columns."
        return region_name(self.sample.path, self.rows, self.columns)

    @property
    def sizes(self) -> tuple[Size, Size]:
        "Of the image and of the mask."
        size = self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]
        return size, size

    @property
    def image(self) -> torch.Tensor:
        "uint8 `[C,h,w]`."
        return self.sample.image[:, slice(*self.rows), slice(*self.columns)]

    @property
    def mask(self) -> torch.Tensor:
        "uint8 `[h,w]` with void."
        mask = torch.full(self.sizes[1], VOID, dtype=torch.uint8)
        (top, bottom), (left, right) = self.own_rows, self.own_columns
        own = slice(top - self.rows[0], bottom - self.rows[0]), slice(left - self.columns[0], right - self.columns[0])
        mask[own] = self.sample.mask[top:bottom, left:right]
        return mask


def tile_samples(samples: list[Sample], tiling: Tiling) -> list[TileSample]:
    "The tiles of all of `samples`, in their order; of images that are smaller than a tile the whole."
    def tiles(sample: Sample) -> Iterator[TileSample]:
        sides = (_owned(*lengths, tiling.overlap) for lengths in zip(sample.image.shape[-2:], tiling.size))
        for (rows, own_rows), (columns, own_columns) in product(*sides):
            yield TileSample(sample, rows, columns, own_rows, own_columns)
    return [tile for sample in samples for tile in tiles(sample)]


def _owned(length: int, tile: int, overlap: float) -> list[tuple[Span, Span]]:
    "Overlapping spans, each with what it shares with no other: they meet in the middle of what they share."
    found = spans(length, tile, overlap, stride=1)  # of one size, so that they fit into batches
    edges = [0, *_middles(found), length]
    return list(zip(found, zip(edges, edges[1:])))


def _middles(found: list[Span]) -> Iterator[int]:
    for (_, stop), (start, _) in zip(found, found[1:]): yield (start + stop) // 2
