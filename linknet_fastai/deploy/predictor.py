"A trained model at work: any image to a mask of its own size."

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..evaluation.tta import MeanOfViews
from ..models.autocast import autocast_model
from ..models.pixels import normalized
from ..runs.card import MODEL_FILE
from ..runs.hub import local_run
from ..runs.weights import load_weights
from ..runtime.device import Machine, images_at_once
from .base_predictor import BasePredictor
from .predictor_options import PredictorOptions
from .upsample import argmax_upsampled, upsampled


class Predictor(BasePredictor):
    """The best epoch of a run folder, or of a run on the hub (`hf:USER/NAME`), to predict with.

    Calling it takes an image to its classes, uint8 `[H,W]` of the image's own size.
    """

    def __init__(self, run: str | Path, machine: Machine | None = None,
                 options: PredictorOptions = PredictorOptions()):
        "`UserError` where the folder has no weights, or they are damaged, and for tiles that can't be."
        self.machine = machine or Machine.choose()
        self.batch_size = images_at_once(self.machine.device)
        self.files = (local_run(run) / MODEL_FILE,)
        model, card = load_weights(*self.files)
        super().__init__(card, options)
        model = autocast_model(model, self.machine)
        self.model = MeanOfViews(model, options.tta) if options.tta else model

    @torch.inference_mode()
    def logits(self, pixels: np.ndarray) -> Tensor:
        return self.model(normalized(pixels, self.card.mean, self.card.std, self.machine.device))

    def classes_at(self, logits: Tensor | np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return argmax_upsampled(torch.as_tensor(logits), size)

    def _logits_at(self, logits: Tensor, size: tuple[int, int]) -> np.ndarray:
        return upsampled(logits, size).cpu().numpy()

    def _array(self, logits: Tensor) -> np.ndarray:
        return logits.float().cpu().numpy()
