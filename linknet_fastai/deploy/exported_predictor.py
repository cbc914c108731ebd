"An exported file at work, as `Predictor` is with a run: any image to its mask, without torch."

from pathlib import Path

import numpy as np

from ..errors import UserError
from ..evaluation.views import VIEWS
from ..images.tiling import TileOptions
from ..runs.card import ModelCard
from .base_predictor import BasePredictor, scaled_pixels, softmax
from .exports.engines import open_engine
from .predictor_options import PredictorOptions
from .upsample_numpy import argmax_upsampled, resized


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
        if options.tta and self.without_probabilities:
            raise UserError(f"{self.file}: gives classes, of which there is no mean; leave out `--tta`, or export it "
                            "without `--output classes`.")

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        "As `Predictor.logits`; of a file that gives classes, 1 where a pixel is of one, else 0."
        if not self.options.tta: return self._found(pixels)
        sizes = VIEWS[self.options.tta]
        mean = sum(self._mirrored_too(pixels, size) for size in sizes) / len(sizes)
        return np.log(mean.clip(min=np.finfo(np.float32).tiny))

    def _mirrored_too(self, pixels: np.ndarray, size: float) -> np.ndarray:
        "Mean probabilities of images and their mirror images, seen at `size` times their size, at their own."
        height, width = pixels.shape[1:3]
        seen = resized(pixels.astype(np.float32), (1, 2), (round(size * height), round(size * width)))
        seen = seen.round().astype(np.uint8)
        found = self._found(seen), self._found(seen[:, :, ::-1])[..., ::-1]
        return sum(softmax(resized(logits, (2, 3), (height, width)), 1) for logits in found) / 2

    def classes_at(self, logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return argmax_upsampled(logits, size)

    def _found(self, pixels: np.ndarray) -> np.ndarray:
        return graph_logits(self.engine(graph_input(pixels, self.card.input)), len(self.card.classes))

    def _logits_at(self, logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return resized(logits, (1, 2), size)

    def _array(self, logits: np.ndarray) -> np.ndarray: return logits


def seen_pixels(pixels: np.ndarray, card: ModelCard) -> np.ndarray:
    "Of pixels uint8 `[H,W,C]` what a model of this card predicts from at once: all, or the tile in the middle."
    if card.crop is None: return scaled_pixels(pixels, card.size)
    rows, columns = (spans[len(spans) // 2] for spans in TileOptions().tiling(card.crop).spans(pixels.shape[:2]))
    return pixels[slice(*rows), slice(*columns)]


def graph_input(pixels: np.ndarray, kind: str) -> np.ndarray:
    "Pixels uint8 `[N,H,W,C]` as a graph of this `kind` takes them: `uint8`, or `float`, from 0 to 1."
    return np.ascontiguousarray(pixels if kind == "uint8" else (pixels / 255).astype(np.float32))


def graph_logits(found: np.ndarray, num_classes: int) -> np.ndarray:
    "What a graph gave, as logits `[N,num_classes,H,W]`: of classes `[N,H,W]`, 1 where a pixel is of the class, else 0."
    if found.ndim == 4: return found
    return (found[:, None] == np.arange(num_classes)[:, None, None]).astype(np.float32)
