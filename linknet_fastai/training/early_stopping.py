"The end of a training that gets no better."

import math
import warnings

from fastai.callback.core import Callback, CancelFitException

from ..errors import Note


class Patience(Callback):
    """Ends the training when the mIoU hasn't risen for `epochs` epochs, of those after `freeze_epochs`.

    It counts in the recorder's rows, so a training that was stopped in between goes on counting; fastai's
    `EarlyStoppingCallback` would begin anew. `schedule` is that of the learning rate.
    """

    order = 75  # after all that keeps or shows the epoch

    def __init__(self, epochs: int, freeze_epochs: int = 0, schedule: str = "one-cycle"):
        self.epochs, self.freeze_epochs, self.schedule = epochs, freeze_epochs, schedule

    def before_fit(self):
        if not self.recorder.is_new: self.after_epoch()  # the training was stopped after its last epoch

    def after_epoch(self):
        mious, compared_from = [row["miou"] for row in self.recorder.rows], self.recorder.compared_from
        since = _since_highest(mious[max(compared_from, self.freeze_epochs):])
        if since < self.epochs or len(mious) == self.n_epoch: return
        highest = len(mious) - _since_highest(mious[compared_from:])
        lr = "; the learning rate hasn't come down as it does at the end of a one-cycle"
        warnings.warn(Note(f"stopped after epoch {len(mious)} of {self.n_epoch}: the mIoU was highest in epoch "
                           f"{highest}, which is kept{lr if self.schedule == 'one-cycle' else ''}"), stacklevel=2)
        raise CancelFitException


def _since_highest(mious: list[float]) -> int:
    "How many epochs came after the first that had the highest of these, `nan` being the lowest."
    known = [-1.0 if math.isnan(miou) else miou for miou in mious]
    return len(known) - 1 - known.index(max(known)) if known else 0
