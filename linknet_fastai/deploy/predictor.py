"A trained model at work: any image to a mask of its own size."

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ..images import scaled_size, to_rgb
from ..models.autocast import autocast_model
from ..runs.weights import MODEL_FILE, load_weights
from ..runtime.device import Machine


class Predictor:
    """The best epoch of a run folder, to predict with.

    Calling it takes an image to its classes, uint8 `[H,W]` of the image's own size. Images are whatever `to_rgb` takes:
    a path, a Pillow image, a uint8 array `[H,W,3]` or `[H,W]`, a tensor `[3,H,W]`, with as many bits as the model was
    trained on.
    """

    def __init__(self, run: str | Path, machine: Machine | None = None):
        "`UserError` where the folder has no weights, or they are damaged."
        self.machine = machine or Machine.choose()
        model, self.card = load_weights(Path(run) / MODEL_FILE)
        self.model = autocast_model(model, self.machine)

    @torch.inference_mode()
    def __call__(self, image: Any) -> np.ndarray:
        image = to_rgb(image, self.card.value_range)
        logits = self.model(self._normalized(image))
        logits = F.interpolate(logits, (image.height, image.width), mode="bilinear", align_corners=False)
        return logits[0].argmax(0).to(torch.uint8).cpu().numpy()

    @torch.inference_mode()
    def certainty(self, image: Any) -> float:
        """How sure the model is of an image: the margin between the probabilities of the best class and the second.

        It is the mean over the pixels of what the model sees, from 0 (undecided everywhere) to 1.
        """
        probabilities = self.model(self._normalized(to_rgb(image, self.card.value_range))).float().softmax(1)
        best, second = probabilities.topk(2, dim=1).values.unbind(1)
        return (best - second).mean().item()

    def _normalized(self, image: Image.Image) -> torch.Tensor:
        height, width = scaled_size((image.height, image.width), self.card.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.tensor(np.asarray(image), device=self.machine.device).permute(2, 0, 1)[None] / 255
        mean, std = (torch.tensor(v, device=pixels.device)[:, None, None] for v in (self.card.mean, self.card.std))
        return (pixels - mean) / std
