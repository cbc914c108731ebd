"How long a training will take: a few steps of it, timed on its own batches."

import hashlib
import time
from dataclasses import dataclass, replace
from statistics import median

import torch
from fastai.callback.core import Callback, CancelTrainException, CancelValidException
from fastai.learner import Learner
from safetensors.torch import save

from .checkpointing import model_and_optimizer

WARM_UP = 2  # steps that don't count: memory is asked for, kernels are chosen
FEWEST, MOST = 3, 20  # steps that do, at least and at most
PROMISED, TOLD = 4.0, 1.0  # seconds of steps that are enough: for minutes that are to be kept, or only for a line
DRAWING = 8.0  # seconds that charts and report took for CamVid's 101 images, beside predicting them; one thread


@dataclass(frozen=True)
class Pace:
    """Seconds that parts of a training take on this machine.

    A `step` of `steps` an epoch, a `validation`, and `saving` what an epoch leaves. A learning rate is searched for by
    `searched` steps before.
    """

    step: float
    steps: int
    validation: float
    saving: float = 0.0
    searched: int = 0

    @property
    def epoch(self) -> float:
        "Seconds an epoch."
        return self.steps * self.step + self.validation + self.saving

    @property
    def beside(self) -> float:
        """Seconds beside the epochs: the search for a learning rate, and what comes after the last.

        Then images are predicted once for the scores, once for the report, and drawn.
        """
        return self.searched * self.step + 2 * self.validation + (DRAWING if self.validation else 0)

    def seconds(self, epochs: int) -> float:
        "Seconds of a training of so many epochs."
        return epochs * self.epoch + self.beside

    def scaled(self, area: float) -> "Pace":
        "As it would be with images of `area` times the pixels."
        return replace(self, step=area * self.step, validation=area * self.validation)


def measure_pace(learn: Learner, enough: float) -> Pace:
    """The pace of `learn`, by the median step; its BatchNorms have seen some batches afterwards, its weights stay.

    `enough` is `PROMISED` or `TOLD`.
    """
    timed = StepTimes(enough)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, lr=0.0, cbs=timed)
    return Pace(timed.step, len(learn.dls.train), timed.validation_batch * len(learn.dls.valid), _saving(learn))


def _saving(learn: Learner) -> float:
    "Seconds that a checkpoint and its checksum take, but for the disk: there is no run folder to write to yet."
    started = time.perf_counter()
    hashlib.sha256(save({name: tensor.cpu().contiguous() for name, tensor in model_and_optimizer(learn).items()}))
    return time.perf_counter() - started


class StepTimes(Callback):
    "Times training steps, then validation batches, and ends the training after `enough` seconds of each."

    order = 80  # after all that belongs to a step

    def __init__(self, enough: float): self.enough = enough

    def before_train(self): self._start()

    def before_validate(self): self._start()

    def _start(self):
        self.seconds: list[float] = []
        self.last = time.perf_counter()

    def after_batch(self):
        if self.dls.device.type == "cuda": torch.cuda.synchronize(self.dls.device)
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now
        counted = self.seconds[WARM_UP:]
        if len(counted) >= MOST or len(counted) >= FEWEST and sum(counted) > self.enough:
            raise CancelTrainException if self.training else CancelValidException

    def after_train(self): self.step = self._median()

    def after_validate(self): self.validation_batch = self._median()

    def _median(self) -> float:
        "Of what came after the warm-up, or the last, where there were so few; 0 where there are no batches."
        return median(self.seconds[WARM_UP:] or self.seconds[-1:] or [0.0])
