"A trained model at work: any image to a mask of its own size."

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..image_format import resized
from ..images import scaled_size
from ..models.autocast import autocast_model
from ..runs.hub import local_run
from ..runs.weights import MODEL_FILE, load_weights
from ..runtime.device import Machine


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

    @torch.inference_mode()
    def __call__(self, image: Any) -> np.ndarray:
        pixels = self.card.image_format.read(image)
        logits = self.model(self._normalized(pixels))
        logits = F.interpolate(logits, pixels.shape[:2], mode="bilinear", align_corners=False)
        return logits[0].argmax(0).to(torch.uint8).cpu().numpy()

    @torch.inference_mode()
    def certainty(self, image: Any) -> float:
        """How sure the model is of an image: the margin between the probabilities of the best class and the second.

        It is the mean over the pixels of what the model sees, from 0 (undecided everywhere) to 1.
        """
        probabilities = self.model(self._normalized(self.card.image_format.read(image))).float().softmax(1)
        best, second = probabilities.topk(2, dim=1).values.unbind(1)
        return (best - second).mean().item()

    def _normalized(self, pixels: np.ndarray) -> torch.Tensor:
        pixels = resized(pixels, scaled_size(pixels.shape[:2], self.card.size))
        pixels = torch.tensor(pixels, device=self.machine.device)[None] / 255
        mean, std = (torch.tensor(v, device=pixels.device)[:, None, None] for v in (self.card.mean, self.card.std))
        return (pixels - mean) / std
