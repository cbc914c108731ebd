"""Tiles of a large image: where they lie, and how what is predicted from them becomes one.

Images are anything with a shape `(H, W, C)` of which rows can be taken, `pixels[top:bottom]`: an array, or a file that
is read row by row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UserError, hxw

STRIDE = 32  # of the models: tiles that begin at its multiples see the same grid of pixels as a whole image would
SMALLEST, USUAL, LARGEST_OVERLAP = 64, 512, 0.75
BAND = 1 << 26  # numbers in the band of logits that is in memory, 256 MB: more classes, narrower bands

Span = tuple[int, int]  # first row or column, and the first behind
Logits = Callable[[np.ndarray], np.ndarray]  # pixels uint8 [N,h,w,C] to logits float32 [N,num_classes,h,w]


@dataclass(frozen=True)
class Tiling:
    """Tiles of `size` (height, width), of which neighbors share the part `overlap` of a side or a little more.

    `UserError` for tiles that are too small, and for an overlap outside 0 to 0.75.
    """

    size: tuple[int, int]
    overlap: float = 0.25

    def __post_init__(self):
        if min(self.size) < SMALLEST:
            raise UserError(f"tiles of {hxw(self.size)} are too small to see anything in; pass "
                            f"{SMALLEST}x{SMALLEST} or more with `--tile`.")
        if not 0 <= self.overlap <= LARGEST_OVERLAP:
            raise UserError(f"tiles can't overlap by {self.overlap:g} of their sides; pass 0 to {LARGEST_OVERLAP:g} "
                            "with `--overlap`.")

    def __str__(self) -> str:
        return f"{hxw(self.size)}, overlap {self.overlap:g}"

    def spans(self, size: tuple[int, int]) -> tuple[list[Span], list[Span]]:
        "The rows, and the columns, of the tiles of an image of `size` (height, width)."
        return tuple(spans(length, tile, self.overlap) for length, tile in zip(size, self.size))


@dataclass(frozen=True)
class TileOptions:
    """The tiles that somebody asks for: of `tile` (height, width), sharing `overlap`; None is what the model suggests.

    That are tiles as large as the crops that it was trained on, and at least 512x512, which share a quarter: larger
    tiles score the same (benchmarks/README.md), and overlap less in all.
    """

    tile: tuple[int, int] | None = None
    overlap: float | None = None

    def tiling(self, crop: tuple[int, int] | None) -> Tiling | None:
        """The tiles for a model that was trained on crops of that size, or on whole images: None predicts at once.

        `UserError` for an overlap of no tiles.
        """
        size = self.tile or (crop and tuple(max(side, USUAL) for side in crop))
        if size is None and self.overlap is not None:
            raise UserError("whole images are predicted at once, so nothing overlaps; pass `--tile HxW` with "
                            "`--overlap`.")
        return size and (Tiling(size) if self.overlap is None else Tiling(size, self.overlap))


def spans(length: int, tile: int, overlap: float, stride: int = STRIDE) -> list[Span]:
    """Spans of `tile` that cover `length`, evenly spaced at multiples of `stride`; the last may be shorter by less.

    Neighbors share `overlap` of a tile or more, as far as these multiples allow. A length that is shorter than a tile
    is a span of its own.
    """
    last = max(0, -(-(length - tile) // stride))
    step = max(1, int(tile * (1 - overlap)) // stride)
    count = -(-last // step)
    starts = [round(number * last / count) * stride for number in range(count)] + [last * stride]
    return [(start, min(start + tile, length)) for start in starts]


def weights(all_spans: list[Span], overlap: int) -> list[np.ndarray]:
    """How much each span counts at each of its places, float32: in sum 1 everywhere.

    Toward a neighbor the weight falls smoothly over `overlap` places, and is 0 in the outermost quarter of them, where
    a model sees least of what is around.
    """
    first, behind = all_spans[0][0], all_spans[-1][1]
    ramps = []
    for start, stop in all_spans:
        place = np.arange(stop - start) + 0.5
        from_left = place if start > first else np.inf
        from_right = stop - start - place if stop < behind else np.inf
        ramps.append(_smoothstep(np.minimum(from_left, from_right), overlap / 4, overlap * 3 / 4)
                     * np.ones(stop - start))
    total = np.zeros(behind - first)
    for (start, stop), ramp in zip(all_spans, ramps): total[start:stop] += ramp
    return [(ramp / total[start:stop]).astype(np.float32) for (start, stop), ramp in zip(all_spans, ramps)]


def _smoothstep(distance: np.ndarray, low: float, high: float) -> np.ndarray:
    "0 up to `low`, 1 from `high` on."
    place = ((distance - low) / (high - low)).clip(0, 1) if high > low else (distance > 0).astype(float)
    return place * place * (3 - 2 * place)


def blend(pixels: Any, tiling: Tiling, logits_of: Logits, num_classes: int,
          batch_size: int = 1) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """The logits of a whole image by those of its tiles: parts of it, each pixel once, from the top to the bottom.

    Args:
        pixels: uint8, of shape `(H, W, C)`.
        tiling: the tiles.
        logits_of: what predicts from tiles.
        num_classes: of its logits.
        batch_size: tiles at once, as far as they are of one size.

    Yields the rows, the columns, and the logits there, float32 `[num_classes,r,c]`, which are overwritten after that.
    Where the bands of all columns would take more than 256 MB, the columns come in blocks, and the tiles at their
    edges are predicted twice.
    """
    rows, columns = tiling.spans(pixels.shape[:2])
    row_weights, column_weights = (weights(each, int(tile * tiling.overlap))
                                   for each, tile in zip((rows, columns), tiling.size))
    for block in _blocks(columns, max(1, BAND // (num_classes * tiling.size[0]))):
        chosen = [(span, weight) for span, weight in zip(columns, column_weights)
                  if span[0] < block.stop and span[1] > block.start]
        band = np.zeros((num_classes, tiling.size[0], block.stop - block.start), np.float32)
        for number, (top, bottom) in enumerate(rows):
            strip = pixels[top:bottom]
            for spans_, found in _predicted(strip, chosen, logits_of, batch_size):
                (left, right), weight = spans_
                inside = slice(max(left, block.start), min(right, block.stop))
                part = slice(inside.start - left, inside.stop - left)
                here = band[:, :bottom - top, inside.start - block.start:inside.stop - block.start]
                weight = row_weights[number][:, None] * weight[part]
                # class by class: the product of all would be as large as the tile's logits
                for summed, logits in zip(here, found): summed += logits[:, part] * weight
            following = rows[number + 1][0] if number + 1 < len(rows) else bottom
            yield slice(top, following), block, band[:, :following - top]
            _scroll(band, following - top)


def _blocks(columns: list[Span], widest: int) -> Iterator[slice]:
    "Columns from the first to the last in blocks that begin where tiles do, as wide as may be."
    start, starts = 0, [span[0] for span in columns[1:]] + [columns[-1][1]]
    for here, following in zip(starts, [*starts[1:], None]):
        if following is None or following - start > widest:
            yield slice(start, here)
            start = here


def _predicted(strip: np.ndarray, chosen: list, logits_of: Logits,
               batch_size: int) -> Iterator[tuple[tuple, np.ndarray]]:
    "Each of the `chosen` spans and weights of columns with its logits `[num_classes,h,w]`."
    while chosen:
        width = np.subtract(*chosen[0][0])
        batch = [each for each in chosen[:batch_size] if np.subtract(*each[0]) == width]
        tiles = np.stack([strip[:, left:right] for (left, right), _ in batch])
        yield from zip(batch, logits_of(tiles))
        chosen = chosen[len(batch):]


def _scroll(band: np.ndarray, rows: int):
    "The band without its first rows, and as many of zeros behind."
    kept = band[:, rows:].copy()
    band[:, :kept.shape[1]] = kept
    band[:, kept.shape[1]:] = 0


def blended_classes(pixels: Any, tiling: Tiling, logits_of: Logits, num_classes: int,
                    batch_size: int = 1) -> np.ndarray:
    "The likeliest class of each pixel by `blend`, uint8 `[H,W]`."
    classes = np.empty(pixels.shape[:2], np.uint8)
    for rows, columns, logits in blend(pixels, tiling, logits_of, num_classes, batch_size):
        classes[rows, columns] = logits.argmax(0)
    return classes
