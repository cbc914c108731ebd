"A trained model at work: any image to a mask of its own size."

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..image_format import resized
from ..images import scaled_size
from ..models.autocast import autocast_model
from ..runs.hub import local_run
from ..runs.weights import MODEL_FILE, load_weights
from ..runtime.device import Machine
from .upsample import argmax_upsampled


class Predictor:
    """The best epoch of a run folder, or of a run on the hub (`hf:USER/NAME`), to predict with.

    Calling it takes an image to its classes, uint8 `[H,W]` of the image's own size. Images are whatever
    `ImageFormat.read` takes: a path, a Pillow image, a uint8 array `[H,W,3]` or `[H,W]`, a tensor `[3,H,W]`, with as
    many channels and bits as the model was trained on.
    """

    def __init__(self, run: str | Path, machine: Machine | None = None):
        "`UserError` where the folder has no weights, or they are damaged."
        self.machine = machine or Machine.choose()
        model, self.card = load_weights(local_run(run) / MODEL_FILE)
        self.model = autocast_model(model, self.machine)

    def __call__(self, image: Any) -> np.ndarray:
        return self.predict(self.read(image))

    def read(self, image: Any) -> np.ndarray:
        "The pixels of an image, uint8 `[H,W,C]`, as the model was trained on them; errors as `ImageFormat.read`."
        return self.card.image_format.read(image)

    @torch.inference_mode()
    def predict(self, pixels: np.ndarray) -> np.ndarray:
        "The classes of pixels as `read` gives them, uint8 `[H,W]`."
        return argmax_upsampled(self.model(self._normalized(pixels))[0], pixels.shape[:2])

    @torch.inference_mode()
    def certainty(self, image: Any) -> float:
        """How sure the model is of an image: the margin between the probabilities of the best class and the second.

        It is the mean over the pixels of what the model sees, from 0 (undecided everywhere) to 1.
        """
        probabilities = self.model(self._normalized(self.read(image))).float().softmax(1)
        best, second = probabilities.topk(2, dim=1).values.unbind(1)
        return (best - second).mean().item()

    def _normalized(self, pixels: np.ndarray) -> torch.Tensor:
        pixels = resized(pixels, scaled_size(pixels.shape[:2], self.card.size))
        pixels = torch.tensor(pixels, device=self.machine.device)[None] / 255
        mean, std = (torch.tensor(v, device=pixels.device)[:, None, None] for v in (self.card.mean, self.card.std))
        return (pixels - mean) / std
