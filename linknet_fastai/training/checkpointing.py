"Checkpoints while a training runs, so that it can stop and go on as if it had not."

import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from torch import Tensor

from ..errors import Interrupted, UserError
from ..models.autocast import plain_model
from ..runs.checkpoint import Checkpoint
from ..runs.run import Run
from ..runtime.all_reduce import all_reduce_max
from ..runtime.distributed import is_main_process, world_size
from .rng_state import as_tuples, rng_state, set_rng_state
from .signals import Signals


class Checkpointing(Callback):
    """Writes a checkpoint after each epoch, and after the step in which a signal came, which ends the training.

    fastai's `SaveModelCallback` and `Learner.load` restore neither the schedule's position nor random states.

    Args:
        run: the folder to write to.
        checkpoint: where training begins, if it was stopped before.
        signals: those that came; training then ends with `Interrupted`.
        lr_scale: what the recipe's learning rate is multiplied by; kept in the checkpoint.
        batch_size: images at once; kept in the checkpoint.
    """

    order = 65  # after Recorder and RunHistory, whose rows are part of it; before what only shows

    def __init__(self, run: Run, checkpoint: Checkpoint | None, signals: Signals, lr_scale: float, batch_size: int):
        self.run_folder, self.checkpoint, self.signals = run, checkpoint, signals
        self.lr_scale, self.batch_size = lr_scale, batch_size

    def before_fit(self):
        self.images = 0
        self.has_loss = True  # of the checkpoint's last batch, which may have been the last of its epoch
        if self.checkpoint is None: return self._write(0, rng_state())
        self.images, self.learn.first_epoch = self.checkpoint.images, self.checkpoint.epoch
        if hasattr(self.learn, "progress"): self.learn.progress.mbar.update(0)  # else fastai's bar begins elsewhere
        try: restore(self.learn, self.checkpoint)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:
            raise UserError(f"{self.run_folder.path}: its checkpoint doesn't fit the model of its config.json "
                            f"({str(error).splitlines()[0]}); restore both from a copy.") from error

    def before_train(self):
        self.shuffle = self.dls.train.rng.getstate()
        if self.images: self.learn.pct_train = self._pct_train()  # fastai's begins each epoch anew

    def _pct_train(self) -> float:
        "Where the checkpoint's schedule was, of the epochs that there are now."
        progress = self.checkpoint.progress
        epochs = progress.get("epochs", self.n_epoch)  # earlier checkpoints don't say it
        return progress["schedule"] if epochs == self.n_epoch else progress["schedule"] * epochs / self.n_epoch

    def before_batch(self):
        self.stepped = False
        if self.training: self.has_loss = False

    def after_loss(self): self.has_loss = True  # not where `FiniteLoss`, which comes first, leaves a training batch out

    def after_step(self): self.stepped = True  # not where gradients are accumulated

    def after_batch(self):
        if self.training: self.images += self.batch_size
        if self.training and not self.stepped: return
        if not self.training and world_size() > 1: return  # their parts may differ by a batch
        signal = all_reduce_max(self.signals.received or 0)
        if not signal: return
        self._write(self.epoch, rng_state() if self.training else self.random)
        raise Interrupted(signal, self.run_folder.path)

    def after_train(self):
        self.random = rng_state()  # before validation, which is done anew
        self.is_good = self.has_loss

    def after_epoch(self):
        self.images = 0
        if self.is_good: self._write(self.epoch + 1, rng_state())  # to go back to, its last loss must be finite
        signal = all_reduce_max(self.signals.received or 0)
        if signal: raise Interrupted(signal, self.run_folder.path)

    def _write(self, epoch: int, random: tuple[dict, dict[str, Tensor]]):
        if not is_main_process(): return
        states, tensors = random
        shuffle = self.shuffle if self.images else self.dls.train.rng.getstate()
        self.run_folder.checkpoints.write(Checkpoint(
            epoch, self.images, model_and_optimizer(self.learn) | _prefixed("random", tensors),
            self.recorder.state_dict(), self.lr_scale, self.batch_size, _progress(self.learn),
            states | {"shuffle": shuffle}))


def model_and_optimizer(learn: Learner) -> dict[str, Tensor]:
    "The tensors of the learner's model and optimizer, by `model.NAME` and `optimizer.NUMBER.NAME`."
    optimizer = {f"{number}.{name}": tensor for number, state in learn.opt.opt.state_dict()["state"].items()
                 for name, tensor in state.items()}
    return _prefixed("model", plain_model(learn.model).state_dict()) | _prefixed("optimizer", optimizer)


def restore(learn: Learner, checkpoint: Checkpoint):
    "Put model, optimizer, schedule, history and random states of `learn` back to where they were at `checkpoint`."
    plain_model(learn.model).load_state_dict(checkpoint.part("model"))
    _restore_optimizer(learn.opt.opt, checkpoint.part("optimizer"), checkpoint.progress["groups"])
    learn.recorder.load_state_dict(checkpoint.recorder)
    learn.train_iter = checkpoint.progress["steps"]
    scaler = getattr(learn, "scaler", None)  # fp16's alone: the precision may be another than before
    if scaler and checkpoint.progress["scaler"]: scaler.load_state_dict(checkpoint.progress["scaler"])
    learn.dls.train.rng.setstate(as_tuples(checkpoint.random["shuffle"]))
    if checkpoint.images: learn.dls.train.begin_at(checkpoint.images, lambda: _restore_random(checkpoint))
    else: _restore_random(checkpoint)


def _restore_random(checkpoint: Checkpoint):
    "The main process's states are restored; other processes only need crops of their own."
    if is_main_process(): set_rng_state(checkpoint.random, checkpoint.part("random"))
    else: torch.manual_seed(torch.initial_seed() + checkpoint.progress["steps"])


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict]):
    "The optimizer's tensors get the memory layout of the parameters, since a fused optimizer takes that for granted."
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state = {number: {} for number in range(len(parameters))} if tensors else {}
    for name, tensor in tensors.items():
        number, name = name.split(".")
        parameter = parameters[int(number)]
        alike = tensor.shape == parameter.shape
        state[int(number)][name] = torch.empty_like(parameter, device="cpu").copy_(tensor) if alike else tensor
    settings = [{name: as_tuples(value) for name, value in group.items()} for group in groups]
    optimizer.load_state_dict({"state": state, "param_groups": settings})


def _progress(learn: Learner) -> dict:
    scaler = getattr(learn, "scaler", None)
    return {"schedule": learn.pct_train, "epochs": learn.n_epoch, "steps": learn.train_iter,
            "scaler": scaler and scaler.state_dict(), "groups": learn.opt.opt.state_dict()["param_groups"]}


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}
