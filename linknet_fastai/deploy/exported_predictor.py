"An exported file at work, as `Predictor` is with a run: any image to its mask, without torch."

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..image_format import resized
from ..images import scaled_size
from .engines import open_engine


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
        found = self._found(pixels)
        if found.shape[-2:] != pixels.shape[:2]:
            found = resize_bilinear(one_hot(found, len(self.card.classes)) if found.ndim == 2 else found,
                                    pixels.shape[:2])
        return found if found.ndim == 2 else found.argmax(0).astype(np.uint8)

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


def graph_input(pixels: np.ndarray, kind: str) -> np.ndarray:
    "Pixels uint8 `[N,H,W,C]` as a graph of this `kind` takes them: `uint8`, or `float`, from 0 to 1."
    return np.ascontiguousarray(pixels if kind == "uint8" else (pixels / 255).astype(np.float32))


def one_hot(classes: np.ndarray, num_classes: int) -> np.ndarray:
    "Classes `[H,W]` as float32 `[num_classes,H,W]`: 1 where a pixel is of the class."
    return (classes == np.arange(num_classes)[:, None, None]).astype(np.float32)


def resize_bilinear(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    "`[C,h,w]` at `size` (height, width), as torch's `interpolate` does it with `align_corners=False`."
    for axis, target in zip((1, 2), size):
        source = values.shape[axis]
        if source == target: continue
        place = ((np.arange(target, dtype=np.float32) + 0.5) * (source / target) - 0.5).clip(0)
        low = place.astype(np.int64)
        fraction = (place - low).astype(np.float32).reshape((-1, 1) if axis == 1 else (-1,))
        above = values.take(np.minimum(low + 1, source - 1), axis)
        values = values.take(low, axis)
        values += fraction * (above - values)
    return values
