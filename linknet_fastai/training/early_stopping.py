"The end of a training that gets no better."

import math
import warnings

from fastai.callback.core import Callback, CancelFitException

from ..errors import Note


class Patience(Callback):
    """Ends the training when the mIoU hasn't risen for `epochs` epochs.

    It counts in the recorder's rows, so a training that was stopped in between goes on counting; fastai's
    `EarlyStoppingCallback` would begin anew.
    """

    order = 75  # after all that keeps or shows the epoch

    def __init__(self, epochs: int):
        self.epochs = epochs

    def before_fit(self): self.after_epoch()  # where the training was stopped after its last epoch

    def after_epoch(self):
        rows = self.recorder.rows
        mious = [-1.0 if math.isnan(row["miou"]) else row["miou"] for row in rows[self.recorder.compared_from:]]
        since = len(mious) - 1 - mious.index(max(mious)) if mious else 0
        if since < self.epochs or len(rows) == self.n_epoch: return
        warnings.warn(Note(f"stopped after epoch {len(rows)} of {self.n_epoch}: the mIoU was highest in epoch "
                           f"{len(rows) - since}, which is kept; the learning rate hasn't come down as it does at "
                           "the end of a one-cycle"), stacklevel=2)
        raise CancelFitException
