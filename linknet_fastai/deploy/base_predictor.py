"What predictors have in common, whatever computes the logits: torch, or what runs an exported file."

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Note, UserError
from ..images.format import FormattedRows
from ..images.resize import resized, scaled_size
from ..images.tiling import blend, blended_classes
from ..runs.card import ModelCard
from .predictor_options import PredictorOptions
from .scale import other_scale


class BasePredictor(ABC):
    """A model at work: any image to its classes.

    Images are whatever `ImageFormat.read` takes: a path, a Pillow image, a uint8 array `[H,W,3]` or `[H,W]`, a tensor
    `[3,H,W]`, with as many channels and bits as the model was trained on. Whole images are brought to as many pixels as
    the model predicts at; with `tiling` they are predicted at their own resolution, by tiles, in little memory.
    """

    without_probabilities = ""  # why there are none, if there aren't
    files: tuple[Path, ...] = ()  # that the model was read from
    batch_size = 1  # images of the size that the model predicts at, or tiles, that are best computed at once

    def __init__(self, card: ModelCard, options: PredictorOptions):
        "`UserError` for tiles that can't be."
        self.card, self.options = card, options
        self.tiling = options.tiles.tiling(card.crop)

    @abstractmethod
    def logits(self, pixels: np.ndarray) -> Any:
        "Logits `[N,num_classes,h,w]` of pixels uint8 `[N,h,w,C]` as they are: an array, or a tensor on its device."

    @abstractmethod
    def classes_at(self, logits: Any, size: tuple[int, int]) -> np.ndarray:
        "The likeliest class of each pixel, uint8 of `size` (height, width), by logits or probabilities `[C,h,w]`."

    @abstractmethod
    def _logits_at(self, logits: Any, size: tuple[int, int]) -> np.ndarray:
        "Logits `[C,h,w]` as an array of `size`, as `classes_at` sees them."

    @abstractmethod
    def _array(self, logits: Any) -> np.ndarray:
        "Logits as float32 in this machine's memory."

    @property
    def is_tiled(self) -> bool:
        "Whether images are predicted by tiles, at their own resolution."
        return self.tiling is not None

    def check_probabilities(self):
        "`UserError` where there are none."
        if self.without_probabilities: raise UserError(self.without_probabilities)

    def __call__(self, image: Any) -> np.ndarray:
        "Classes, uint8 `[H,W]` of the image's own size."
        pixels = self.read(image)
        if note := other_scale(pixels.shape[:2], self.card, self.is_tiled): warnings.warn(Note(note), stacklevel=2)
        return self.predict(pixels)

    def read(self, image: Any) -> "np.ndarray | FormattedRows":
        """The pixels of an image, uint8 `[H,W,C]`, as the model was trained on them; errors as `ImageFormat.read`.

        By tiles, large TIFF files are read by rows: `ImageFormat.open`.
        """
        return self.card.image_format.open(image) if self.is_tiled else self.card.image_format.read(image)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        "The classes of pixels as `read` gives them, uint8 `[H,W]`."
        if not self.is_tiled: return self.predict_batch([pixels])[0]
        return blended_classes(pixels, self.tiling, self._tile_logits, len(self.card.classes), self.batch_size)

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        "As `predict`, of the pixels of several images of one size."
        if self.is_tiled: return [self.predict(pixels) for pixels in images]
        logits = self.logits(np.stack([self._scaled(pixels) for pixels in images]))
        return [self.classes_at(each, images[0].shape[:2]) for each in logits]

    def probabilities(self, image: Any) -> np.ndarray:
        """The probability of each class at each pixel of an image, float32 `[num_classes,H,W]`, 1 in sum.

        The softmax of the logits at the image's own size, so that the largest is the class that `predict` gives.
        """
        return self.probabilities_of(self.read(image))

    def probabilities_of(self, pixels: np.ndarray) -> np.ndarray:
        "As `probabilities`, of pixels as `read` gives them."
        self.check_probabilities()
        if self.is_tiled: return self.scaled_probabilities(pixels)
        return softmax(self._logits_at(self.logits(self._scaled(pixels)[None])[0], pixels.shape[:2]))

    def scaled_probabilities(self, pixels: np.ndarray) -> np.ndarray:
        "As `probabilities_of`, at the size that the model sees: `[num_classes,h,w]`."
        self.check_probabilities()
        if not self.is_tiled: return softmax(self._array(self.logits(self._scaled(pixels)[None])[0]))
        whole = np.empty((len(self.card.classes), *pixels.shape[:2]), np.float32)
        for rows, columns, logits in blend(pixels, self.tiling, self._tile_logits, len(whole), self.batch_size):
            whole[:, rows, columns] = softmax(logits)
        return whole

    def certainty(self, image: Any) -> float:
        """How sure the model is of an image: the margin between the probabilities of the best class and the second.

        It is the mean over the pixels of what the model sees, from 0 (undecided everywhere) to 1.
        """
        self.check_probabilities()
        pixels = self.read(image)
        if not self.is_tiled: return float(margins(self.scaled_probabilities(pixels)).mean())
        parts = blend(pixels, self.tiling, self._tile_logits, len(self.card.classes), self.batch_size)
        return sum(float(margins(softmax(logits)).sum()) for _, _, logits in parts) / np.prod(pixels.shape[:2])

    def _tile_logits(self, tiles: np.ndarray) -> np.ndarray:
        return self._array(self.logits(tiles))

    def _scaled(self, pixels: np.ndarray) -> np.ndarray:
        return scaled_pixels(pixels, self.card.size)


def scaled_pixels(pixels: np.ndarray, area: tuple[int, int]) -> np.ndarray:
    "Pixels uint8 `[H,W,C]` in their own shape, as many as `area` (height, width) has: what a model predicts from."
    return resized(pixels, scaled_size(pixels.shape[:2], area)).transpose(1, 2, 0)


def softmax(logits: np.ndarray, axis: int = 0) -> np.ndarray:
    "Probabilities, float32, by logits."
    odds = np.exp(logits - logits.max(axis, keepdims=True))
    return odds / odds.sum(axis, keepdims=True)


def margins(probabilities: np.ndarray) -> np.ndarray:
    "How much likelier the best class of each pixel is than the second, `[h,w]`, by probabilities `[C,h,w]`."
    if len(probabilities) == 1: return probabilities[0]
    second, best = np.partition(probabilities, -2, axis=0)[-2:]
    return best - second
