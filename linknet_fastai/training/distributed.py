"One training in several processes: each has a part of every batch, and all have the same weights."

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from fastai.callback.core import Callback
from fastai.distributed import DistributedDL
from fastai.learner import Learner
from fastai.torch_core import rank_distrib

from ..errors import UserError
from ..networks.batchnorm import share_statistics
from ..networks.precision import Machine
from .batches import SegmentationDL
from .processes import connection_device, is_first, processes, total


@contextmanager
def shared(learn: Learner, machine: Machine, seed: int) -> Iterator[None]:
    """Each process trains `learn` on its part, by fastai's `distrib_ctx`: batches, BatchNorm and loss are those of one process.

    `UserError` where a batch can't be divided.
    """
    if processes() == 1: return (yield)
    from accelerate import DistributedDataParallelKwargs
    batch_size, usual = learn.dls.train.bs, list(learn.dls.loaders)
    if batch_size % processes():
        raise UserError(f"a batch of {batch_size} pictures can't be divided among {processes()} processes; pass a multiple with "
                        "`--batch-size`.")
    if len(learn.dls.train_ds) < batch_size:
        raise UserError(f"{len(learn.dls.train_ds)} training pictures are fewer than a batch of {batch_size}; pass fewer with "
                        "`--batch-size`, or use one process.")
    learn.dls.loaders = [TrainingShard(learn.dls.in_batches_of(batch_size // processes()).train), ValidationShard(learn.dls.valid)]
    share_statistics(learn.model, machine.device)
    learn.loss_func.processes = processes()
    if not is_first(): torch.manual_seed(seed + rank_distrib())  # other crops than the first's
    equal_buffers = DistributedDataParallelKwargs(broadcast_buffers=False)  # BatchNorm's are equal already
    try:
        with (learn.distrib_ctx(sync_bn=False, cpu=machine.device.type == "cpu", kwargs_handlers=[equal_buffers]),
              learn.added_cbs(Totals())): yield
    finally: learn.dls.loaders = usual


class Shard(DistributedDL):
    """A process's part of a `SegmentationDL`, without padding.

    fastai's own repeats pictures until all parts are equal, and so counts some of them twice. Its `_broadcast` moves indices to
    a GPU whatever the backend is: `t = LongTensor(t).to(self.device)` there would do.
    """

    dl: SegmentationDL

    def _broadcast(self, indices: list[int], rank: int) -> list[int]:
        tensor = torch.tensor(indices, dtype=torch.long, device=connection_device())
        dist.broadcast(tensor, rank)
        return tensor.tolist()

    def get_idxs(self) -> list[int]:
        self.sequence = self.part(self._broadcast(list(self.dl.get_idxs()), 0))
        return self.sequence

    def to_detach(self, values, cpu: bool = True, gather: bool = True):
        "Of this process alone: `Totals` adds up once an epoch, fastai's own once a batch."
        return self._to_detach(values, cpu, gather=False)

    @property
    def rng(self): return self.dl.rng

    def begin_at(self, *words): self.dl.begin_at(*words)

    def paths(self, batch: int): return [self.dl.items[item].path for item in self.sequence[batch * self.bs:(batch + 1) * self.bs]]


class TrainingShard(Shard):
    "Of each global batch, an equal part: together they are the batches of one process."

    def __len__(self): return self.dl.n // (self.bs * self.world_size)

    def part(self, indices: list[int]) -> list[int]:
        batch = self.bs * self.world_size
        whole = torch.tensor(indices[:len(indices) // batch * batch], dtype=torch.long)
        return whole.view(-1, self.world_size, self.bs)[:, self.rank].flatten().tolist()


class ValidationShard(Shard):
    "Every n-th picture: each is in one part, and parts may differ by one."

    def __len__(self): return -(-len(range(self.rank, self.dl.n, self.world_size)) // self.bs)

    def part(self, indices: list[int]) -> list[int]: return indices[self.rank::self.world_size]


class Totals(Callback):
    "What an epoch's record is made of, from all processes."

    order = 4  # before scores are read

    def after_train(self):
        smooth_loss = self.recorder.smooth_loss
        smooth_loss.val = total(smooth_loss.val.to(connection_device())) / processes()

    def after_validate(self):
        self.evaluation.confusion = total(self.evaluation.confusion)
        loss = self.recorder.loss
        sums = total(torch.tensor([float(loss.total), loss.count], dtype=torch.double, device=connection_device()))
        loss.total, loss.count = sums[0].float(), sums[1].item()
