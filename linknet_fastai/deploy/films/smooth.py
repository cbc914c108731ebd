"Masks of a film that don't flicker: by the mean of the last frames' probabilities."

from collections import deque

import numpy as np

from ...errors import UserError
from ..base_predictor import BasePredictor

MOST = 1000  # frames


def check_smooth(number: int):
    "`UserError` where masks can't be the mean of so many frames."
    if not 1 <= number <= MOST:
        raise UserError(f"the mean of {number} frames can't be taken; pass `--smooth` 1 (off) to {MOST}.")


class Smoothed:
    """Called with the frames of one film in their order, it gives their masks by the mean of the last `number`.

    That includes the frame itself; at the beginning it is the mean of those there are. Means are taken at the size that
    the model sees, and upsampled then. Memory is `number` frames' probabilities, two bytes each.
    """

    def __init__(self, predictor: BasePredictor, number: int):
        self.predictor, self.number = predictor, number
        self.last: deque[np.ndarray] = deque()
        self.sum: np.ndarray | float = 0.0

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        "Pixels as `Predictor.read` gives them, all of one size, to classes uint8 `[H,W]`."
        # sums of these in float64 are exact, so that what was added can be taken away again, however long the film
        self.last.append(self.predictor.scaled_probabilities(pixels).astype(np.float16))
        self.sum = self.sum + self.last[-1].astype(np.float64)
        if len(self.last) > self.number: self.sum -= self.last.popleft()
        return self.predictor.classes_at((self.sum / len(self.last)).astype(np.float32), pixels.shape[:2])
