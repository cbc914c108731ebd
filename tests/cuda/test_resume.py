"""A run on a GPU that was stopped ends as if it had not been, as near as CUDA allows.

What the steps see is equal bit by bit: order, augmentation and random states. The weights need not be: the sum in
CUDA's `nll_loss2d` is of atomic additions, in any order, and torch has no deterministic one. So they are compared with
another training that ran through: one that was resumed may be no further from the first than ten times that one, or a
thousandth of the weights' length. Were random states or the optimizer's not restored, it would be a tenth.
"""

import os
import signal

import pytest
from fastai.callback.core import Callback
from gpu_training import BatchSums, distance, resumed, trained
from short_training import SignalAfter

from linknet_fastai.errors import Interrupted
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine

pytestmark = [pytest.mark.cuda, pytest.mark.usefixtures("deterministic"),
              pytest.mark.filterwarnings("ignore:.*deterministic")]


class SignalAfterEpoch(Callback):
    "The same once the first epoch is validated."

    order = 64  # before it is looked for

    def after_epoch(self):
        if self.epoch == 0: os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("stop", [SignalAfter(1), SignalAfterEpoch()], ids=["in an epoch", "between two"])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(data, tmp_path, precision, stop):
    machine, whole, stopped, rest = Machine.choose("cuda", precision), BatchSums(), BatchSums(), BatchSums()
    first, again = (trained(data, tmp_path / name, machine, [whole]).path for name in ("first", "again"))
    with pytest.raises(Interrupted): trained(data, tmp_path / "stopped", machine, [stopped, stop])
    before = Run.open(tmp_path / "stopped").checkpoints.read()
    run = resumed(tmp_path / "stopped", machine, [rest])
    # a pass that begins in the middle counts its steps from there
    skipped = before.images // 4
    went_on = {(epoch, step + skipped * (epoch == before.epoch)): sums for (epoch, step), sums in rest.sums.items()}
    assert stopped.sums | went_on == whole.sums
    assert distance(run.path, first) <= max(1e-3, 10 * distance(again, first))
