"An exported file at work, as `Predictor` is with a run: any image to its mask, without torch."

from pathlib import Path

import numpy as np

from ..evaluation.views import VIEWS
from ..images.tiling import TileOptions
from ..runs.card import ModelCard
from .base_predictor import BasePredictor, scaled_pixels, softmax
from .exports.engines import open_engine
from .predictor_options import PredictorOptions

STRIP = 1 << 22  # logits that are upsampled at once


class ExportedPredictor(BasePredictor):
    """A file that `export` wrote, to predict with; called as `Predictor` is, with the same masks.

    Args:
        file: a `.onnx` or `.xml` file.
        precision: `fp32` or `bf16`, as for `OpenVinoEngine`.
        options: as for `Predictor`.

    Raises `UserError` where the file can't be read, the program that runs it isn't installed, or it gives classes
    where probabilities are needed.
    """

    def __init__(self, file: str | Path, precision: str | None = None, options: PredictorOptions = PredictorOptions()):
        self.file = Path(file)
        self.files = (self.file, *([self.file.with_suffix(".bin")] if self.file.suffix.lower() == ".xml" else []))
        self.engine = open_engine(self.file, precision=precision)
        super().__init__(self.engine.card, options)
        if self.card.output == "classes":
            self.without_probabilities = (f"{self.file}: gives classes, and how sure they are is in logits; export it "
                                          "without `--output classes`.")
        if options.tta: self.check_probabilities()

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        "As `Predictor.logits`; of a file that gives classes, 1 where a pixel is of one, else 0."
        if not self.options.tta: return self._found(pixels)
        sizes = VIEWS[self.options.tta]
        mean = sum(self._mirrored_too(pixels, size) for size in sizes) / len(sizes)
        return np.log(mean.clip(min=np.finfo(np.float32).tiny))

    def _mirrored_too(self, pixels: np.ndarray, size: float) -> np.ndarray:
        "Mean probabilities of images and their mirror images, seen at `size` times their size, at their own."
        height, width = pixels.shape[1:3]
        seen = _resized(pixels.astype(np.float32), (1, 2), (round(size * height), round(size * width)))
        seen = seen.round().astype(np.uint8)
        found = self._found(seen), self._found(seen[:, :, ::-1])[..., ::-1]
        return sum(softmax(_resized(logits, (2, 3), (height, width)), 1) for logits in found) / 2

    def classes_at(self, logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return argmax_upsampled(logits, size)

    def _found(self, pixels: np.ndarray) -> np.ndarray:
        found = self.engine(graph_input(pixels, self.card.input))
        if found.ndim == 4: return found
        return np.stack([one_hot(classes, len(self.card.classes)) for classes in found])

    def _logits_at(self, logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return _resized(logits, (1, 2), size)

    def _array(self, logits: np.ndarray) -> np.ndarray: return logits


def seen_pixels(pixels: np.ndarray, card: ModelCard) -> np.ndarray:
    "Of pixels uint8 `[H,W,C]` what a model of this card predicts from at once: all, or the tile in the middle."
    if card.crop is None: return scaled_pixels(pixels, card.size)
    rows, columns = (spans[len(spans) // 2] for spans in TileOptions().tiling(card.crop).spans(pixels.shape[:2]))
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


def _resized(values: np.ndarray, axes: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    "Values with these two axes of `size`, bilinear, as torch's `interpolate` has it."
    for axis, target in zip(axes, size):
        source = values.shape[axis]
        if source != target: values = _interpolated(values, axis, _places(source, target))
    return values


def _places(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    "Which of `source` rows each of `target` begins at, and the fraction of the next, as torch's `interpolate` has it."
    place = ((np.arange(target, dtype=np.float32) + 0.5) * (source / target) - 0.5).clip(0, source - 1)
    low = place.astype(np.int64)
    return low, (place - low).astype(np.float32)


def _interpolated(values: np.ndarray, axis: int, places: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    low, fraction = places
    above = values.take(np.minimum(low + 1, values.shape[axis] - 1), axis)
    values = values.take(low, axis)
    return values + np.expand_dims(fraction, tuple(range(1, values.ndim - axis))) * (above - values)
