"An exported file at work, as `Predictor` is with a run: any image to its mask, without torch."

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..image_format import resized
from ..images import scaled_size
from ..runs.card import ModelCard
from ..tiling import Tiling
from .engines import open_engine

STRIP = 1 << 22  # logits that are upsampled at once


class ExportedPredictor:
    """A file that `export` wrote, to predict with; called as `Predictor` is, with the same masks.

    Args:
        file: a `.onnx` or `.xml` file.
        precision: `fp32` or `bf16`, as for `OpenVinoEngine`.

    Raises `UserError` where the file can't be read, or the program that runs it isn't installed.
    """

    def __init__(self, file: str | Path, precision: str | None = None):
        self.file = Path(file)
        self.engine = open_engine(self.file, precision=precision)
        self.card = self.engine.card

    def __call__(self, image: Any) -> np.ndarray:
        "Classes, uint8 `[H,W]` of the image's own size."
        return self.predict(self.read(image))

    def read(self, image: Any) -> np.ndarray:
        "As `Predictor.read`."
        return self.card.image_format.read(image)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        "As `Predictor.predict`."
        found, size = self._found(pixels), pixels.shape[:2]
        if found.ndim == 2:
            if found.shape == size: return found
            found = one_hot(found, len(self.card.classes))
        return argmax_upsampled(found, size)

    def certainty(self, image: Any) -> float:
        "As `Predictor.certainty`; `UserError` for a file that gives classes."
        if self.card.output == "classes":
            raise UserError(f"{self.file}: gives classes, and how sure they are is in logits; export it without "
                            "`--output classes`.")
        logits = self._found(self.read(image))
        odds = np.exp(logits - logits.max(0))
        best = np.sort(odds / odds.sum(0), axis=0)
        return float((best[-1] - best[-2]).mean()) if len(best) > 1 else 1.0

    def _found(self, pixels: np.ndarray) -> np.ndarray:
        "Logits `[num_classes,h,w]` or classes `[h,w]` at the size that the model was trained at."
        return self.engine(graph_input(scaled_pixels(pixels, self.card.size)[None], self.card.input))[0]


def scaled_pixels(pixels: np.ndarray, area: tuple[int, int]) -> np.ndarray:
    "Pixels uint8 `[H,W,C]` in their own shape, as many as `area` (height, width) has: what a model predicts from."
    return resized(pixels, scaled_size(pixels.shape[:2], area)).transpose(1, 2, 0)


def seen_pixels(pixels: np.ndarray, card: ModelCard) -> np.ndarray:
    "Of pixels uint8 `[H,W,C]` what a model of this card predicts from at once: all, or the tile in the middle."
    if card.crop is None: return scaled_pixels(pixels, card.size)
    rows, columns = (spans[len(spans) // 2] for spans in Tiling(card.crop).spans(pixels.shape[:2]))
    return pixels[slice(*rows), slice(*columns)]


def graph_input(pixels: np.ndarray, kind: str) -> np.ndarray:
    "Pixels uint8 `[N,H,W,C]` as a graph of this `kind` takes them: `uint8`, or `float`, from 0 to 1."
    return np.ascontiguousarray(pixels if kind == "uint8" else (pixels / 255).astype(np.float32))


def one_hot(classes: np.ndarray, num_classes: int) -> np.ndarray:
    "Classes `[H,W]` as float32 `[num_classes,H,W]`: 1 where a pixel is of the class."
    return (classes == np.arange(num_classes)[:, None, None]).astype(np.float32)


def argmax_upsampled(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The class of each pixel, uint8 of `size` (height, width), by logits `[num_classes,h,w]`.

    As `upsample.argmax_upsampled` does it with torch: strip by strip, so that a large image takes no more memory.
    """
    classes = np.empty(size, np.uint8)
    rows, columns = (_places(source, target) for source, target in zip(logits.shape[1:], size))
    height = max(1, STRIP // (len(logits) * size[1]))
    for top in range(0, size[0], height):
        part = tuple(each[top:top + height] for each in rows)
        classes[top:top + height] = _interpolated(_interpolated(logits, 1, part), 2, columns).argmax(0)
    return classes


def _places(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    "Which of `source` rows each of `target` begins at, and the fraction of the next, as torch's `interpolate` has it."
    place = ((np.arange(target, dtype=np.float32) + 0.5) * (source / target) - 0.5).clip(0, source - 1)
    low = place.astype(np.int64)
    return low, (place - low).astype(np.float32)


def _interpolated(values: np.ndarray, axis: int, places: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    low, fraction = places
    above = values.take(np.minimum(low + 1, values.shape[axis] - 1), axis)
    values = values.take(low, axis)
    return values + fraction.reshape((-1, 1) if axis == 1 else (-1,)) * (above - values)
