"Batches whose loss is not finite."

import warnings

import torch
from fastai.callback.core import Callback, CancelBatchException, CancelFitException

from ..errors import Note, UserError
from ..runtime.all_reduce import all_reduce_max

IN_A_ROW = 5  # such batches: the weights are to blame, not the images


class LossNotFinite(UserError):
    "The losses of several training batches in a row were not finite; `what` says which, without what to do."

    def __init__(self, what: str):
        super().__init__(f"{what}; train at a lower learning rate with `--lr`.")
        self.what = what


class FiniteLoss(Callback):
    """Leaves out the step of a training batch whose loss is not finite, with a `Note` that names its files.

    Several such batches in a row raise `LossNotFinite`, and so does one that BatchNorm's statistics have taken in: all
    that is validated later would be nan. Reading the loss waits for the device, once a step. `in_a_row` is the number
    of such batches up to now.
    """

    order = -5  # before anything is done with the loss
    run_valid = False

    def before_fit(self): self.in_a_row = 0

    def after_loss(self):
        is_mine = not torch.isfinite(self.loss)
        if not all_reduce_max(is_mine):
            self.in_a_row = 0
            return
        if hasattr(self.learn, "lr_finder"): raise CancelFitException  # a search for an lr ends where it fails
        self.in_a_row += 1
        files = ", ".join(map(str, self.dl.paths(self.iter))) if is_mine else "another process's images"
        if self.in_a_row == IN_A_ROW:
            raise LossNotFinite(f"{files}: the loss is not finite, nor was it in the {IN_A_ROW - 1} batches before")
        if all_reduce_max(not all(buffer.isfinite().all() for buffer in self.model.buffers())):
            raise LossNotFinite(f"{files}: the loss is not finite, nor are the statistics of BatchNorm since")
        if is_mine: warnings.warn(Note(f"{files}: the loss of these images is not finite, so their step is left out"),
                                  stacklevel=2)
        raise CancelBatchException
