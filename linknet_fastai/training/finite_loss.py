"What happens to a batch whose loss is not a number."

import warnings

import torch
from fastai.callback.core import Callback, CancelBatchException, CancelFitException

from ..errors import Note, UserError
from ..runtime.all_reduce import all_reduce_max

IN_A_ROW = 5  # such batches: the weights are to blame, not the images


class LossNotFinite(UserError):
    "Several batches in a row had no finite loss."


class FiniteLoss(Callback):
    """A training batch whose loss is not finite changes nothing, and its files are named; several in a row end the training.

    Looking at the loss waits for the device, once a step.
    """

    order = -5  # before anything is done with the loss
    run_valid = False

    def before_fit(self): self.in_a_row = 0

    def after_loss(self):
        if not all_reduce_max(not torch.isfinite(self.loss)):
            self.in_a_row = 0
            return
        if hasattr(self.learn, "lr_finder"): raise CancelFitException  # a search for a learning rate ends where it fails
        self.in_a_row += 1
        files = ", ".join(map(str, self.dl.paths(self.iter)))
        if self.in_a_row == IN_A_ROW:
            raise LossNotFinite(f"{files}: the loss is not finite, nor was it in the {IN_A_ROW - 1} batches before; "
                                "train at a lower learning rate with `--lr`.")
        warnings.warn(Note(f"{files}: the loss of these images is not finite, so their step is left out"), stacklevel=2)
        raise CancelBatchException
