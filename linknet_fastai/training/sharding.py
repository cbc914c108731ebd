"Training in several processes: each has a part of every batch, and all have the same weights."

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
import torch.distributed as dist
from fastai.distributed import DistributedDL, DistributedTrainer
from fastai.learner import Learner
from fastai.torch_core import rank_distrib

from ..dataloaders.segmentation_dl import SegmentationDL
from ..errors import UserError
from ..runtime.device import Machine
from ..runtime.distributed import communication_device, is_main_process, world_size
from ..runtime.sync_batchnorm import check_sync_batchnorm, convert_sync_batchnorm


@contextmanager
def distributed(learn: Learner, machine: Machine, seed: int) -> Iterator[None]:
    """Have each process train `learn` on its part of the batches meanwhile.

    BatchNorm and loss are those of whole batches. Nothing happens in a training of one process. `UserError` as for
    `check_distributed`.
    """
    if world_size() == 1: return (yield)
    check_distributed(learn, machine)
    if not is_main_process(): torch.manual_seed(seed + rank_distrib())  # other crops than the main process's
    loaders = list(learn.dls.loaders)
    try:
        with learn.added_cbs(ShardingTrainer(machine)), nullcontext() if is_main_process() else learn.no_bar(): yield
    finally: learn.dls.loaders = loaders  # fastai's trainer puts them back only after a fit that ends well


def check_distributed(learn: Learner, machine: Machine):
    "`UserError` where several processes can't divide the batches of `learn`, or share its model's statistics."
    if world_size() == 1: return
    check_divisible(learn.dls.train)
    check_sync_batchnorm(learn.model, machine.device)


def check_divisible(train: SegmentationDL):
    "`UserError` where the batches of `train` can't be divided among the processes, or there is no whole batch."
    if train.bs % world_size():
        raise UserError(f"a batch of {train.bs} images can't be divided among {world_size()} processes; pass a "
                        "multiple with `--batch-size`.")
    if train.n < train.bs:
        raise UserError(f"{train.n} training images are fewer than a batch of {train.bs}; pass fewer with "
                        "`--batch-size`, or use one process.")


class ShardingTrainer(DistributedTrainer):
    "fastai's `DistributedTrainer`, with our shards and BatchNorm: see `Shard` and `SyncBatchNorm` for what they mend."

    def __init__(self, machine: Machine):
        from accelerate import DistributedDataParallelKwargs
        equal_buffers = DistributedDataParallelKwargs(broadcast_buffers=False)  # BatchNorm's are equal already
        super().__init__(sync_bn=False, cpu=machine.device.type == "cpu", kwargs_handlers=[equal_buffers])
        self.machine = machine

    def before_fit(self):
        self.learn.model = convert_sync_batchnorm(self.learn.model, self.machine.device)
        super().before_fit()

    def _wrap_dl(self, dl: SegmentationDL) -> "Shard":
        if isinstance(dl, Shard): return dl
        if dl is not self.dls.train: return ValidationShard(dl)
        part = dl.new(bs=dl.bs // world_size())
        part.rng = dl.rng  # fastai draws another for each `DataLoader`
        return TrainingShard(part)


class Shard(DistributedDL):
    """A process's part of a `SegmentationDL`, without padding.

    fastai's own repeats images until all parts are equal, and so counts some of them twice. Its `_broadcast` moves
    indices to a GPU whatever the backend is: `t = LongTensor(t).to(self.device)` there would do.
    """

    dl: SegmentationDL

    def _broadcast(self, indices: list[int], rank: int) -> list[int]:
        tensor = torch.tensor(indices, dtype=torch.long, device=communication_device())
        dist.broadcast(tensor, rank)
        return tensor.tolist()

    def get_idxs(self) -> list[int]:
        self.sequence = self.rank_indices(self._broadcast(list(self.dl.get_idxs()), 0))
        return self.sequence

    def to_detach(self, values, cpu: bool = True, gather: bool = True):
        "The values of this process alone: fastai's own gathers all once a batch, where once an epoch is enough."
        return self._to_detach(values, cpu, gather=False)

    @property
    def rng(self):
        "That of the whole dataloader."
        return self.dl.rng

    def begin_at(self, *args):
        "As `SegmentationDL.begin_at`: in images of the whole pass."
        self.dl.begin_at(*args)

    def paths(self, batch: int):
        "The image files of a batch of this process in the current pass."
        return [self.dl.path(index) for index in self.sequence[batch * self.bs:(batch + 1) * self.bs]]


class TrainingShard(Shard):
    "An equal part of each batch of the whole dataloader."

    def __len__(self): return self.dl.n // (self.bs * self.world_size)

    def rank_indices(self, indices: list[int]) -> list[int]:
        "Those of this process among the `indices` of a whole pass."
        batch = self.bs * self.world_size
        whole = torch.tensor(indices[:len(indices) // batch * batch], dtype=torch.long)
        return whole.view(-1, self.world_size, self.bs)[:, self.rank].flatten().tolist()


class ValidationShard(Shard):
    "Every n-th image of the whole dataloader: each is in one part, and parts may differ by one."

    def __len__(self): return -(-len(range(self.rank, self.dl.n, self.world_size)) // self.bs)

    def rank_indices(self, indices: list[int]) -> list[int]:
        "Those of this process among the `indices` of a whole pass."
        return indices[self.rank::self.world_size]
