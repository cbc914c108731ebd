"A training that stops and goes on as if it had not."

import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.torch_core import get_model
from torch import Tensor

from ..errors import Interrupted, UserError
from ..runs.resume_point import ResumePoint
from ..runs.run import Run
from .interruption import Signals
from .processes import highest, is_first, processes
from .random_states import as_tuples, random_states, restore_random


class Resuming(Callback):
    """A resume point after each epoch, and after the step in which a signal came; training begins at `point`, if there is one.

    fastai's `SaveModelCallback` and `Learner.load` restore neither the schedule's position nor random states.
    """

    order = 65  # after Recording, whose history is part of a point; before what only shows

    def __init__(self, run: Run, point: ResumePoint | None, signals: Signals, rate: float, batch_size: int):
        self.run_folder, self.point, self.signals = run, point, signals
        self.rate, self.batch_size = rate, batch_size

    def before_fit(self):
        self.pictures = 0
        if self.point is None: return self._write(0, random_states())
        self.pictures, self.learn.first_epoch = self.point.pictures, self.point.epoch
        if hasattr(self.learn, "progress"): self.learn.progress.mbar.update(0)  # fastai's bar knows no other beginning
        try: restore(self.learn, self.point)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:
            raise UserError(f"{self.run_folder.path}: its resume point doesn't fit the network of its config.json "
                            f"({str(error).splitlines()[0]}); restore both from a copy.") from error

    def before_train(self):
        self.shuffle = self.dls.train.rng.getstate()
        if self.pictures: self.learn.pct_train = self.point.progress["schedule"]  # fastai's begins each epoch anew

    def before_batch(self): self.stepped = False

    def after_step(self): self.stepped = True  # not where gradients are accumulated

    def after_batch(self):
        if self.training: self.pictures += self.batch_size
        if self.training and not self.stepped: return
        if not self.training and processes() > 1: return  # their parts may differ by a batch
        signal = highest(self.signals.received or 0)
        if not signal: return
        self._write(self.epoch, random_states() if self.training else self.random)
        raise Interrupted(signal, self.run_folder.path)

    def after_train(self): self.random = random_states()  # before validation, which is done anew

    def after_epoch(self):
        self.pictures = 0
        if not self.finite_loss.in_a_row: self._write(self.epoch + 1, random_states())  # to go back to, it must be good
        signal = highest(self.signals.received or 0)
        if signal: raise Interrupted(signal, self.run_folder.path)

    def _write(self, epoch: int, random: tuple[dict, dict[str, Tensor]]):
        if not is_first(): return
        states, tensors = random
        shuffle = self.shuffle if self.pictures else self.dls.train.rng.getstate()
        self.run_folder.write_resume_point(ResumePoint(
            epoch, self.pictures, learner_tensors(self.learn) | _named("random", tensors), self.recording.rows, self.recording.best,
            self.rate, self.batch_size, _progress(self.learn), states | {"shuffle": shuffle}))


def learner_tensors(learn: Learner) -> dict[str, Tensor]:
    "The network's and the optimizer's."
    optimizer = {f"{number}.{name}": tensor for number, state in learn.opt.opt.state_dict()["state"].items()
                 for name, tensor in state.items()}
    return _named("network", get_model(learn.model).state_dict()) | _named("optimizer", optimizer)


def restore(learn: Learner, point: ResumePoint):
    "Network, optimizer, schedule, history and random states as they were at `point`."
    get_model(learn.model).load_state_dict(point.of("network"))
    _restore_optimizer(learn.opt.opt, point.of("optimizer"), point.progress["groups"])
    learn.recording.rows, learn.recording.best = list(point.history), point.best
    learn.train_iter = point.progress["steps"]
    smooth_loss = learn.recorder.smooth_loss
    smooth_loss.count, smooth_loss.val = point.progress["loss_count"], torch.tensor(point.progress["loss"])
    if point.progress["scaler"]: learn.scaler.load_state_dict(point.progress["scaler"])
    learn.dls.train.rng.setstate(as_tuples(point.random["shuffle"]))
    if point.pictures: learn.dls.train.begin_at(point.pictures, lambda: _restore_random(point))
    else: _restore_random(point)


def _restore_random(point: ResumePoint):
    "The first process's; the others' crops need only be others."
    if is_first(): restore_random(point.random, point.of("random"))
    else: torch.manual_seed(torch.initial_seed() + point.progress["steps"])


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict]):
    "In the memory layout of the parameters: a fused optimizer takes both for one."
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
    smooth_loss, scaler = learn.recorder.smooth_loss, getattr(learn, "scaler", None)
    return {"schedule": learn.pct_train, "steps": learn.train_iter, "loss_count": smooth_loss.count, "loss": float(smooth_loss.val),
            "scaler": scaler and scaler.state_dict(), "groups": learn.opt.opt.state_dict()["param_groups"]}


def _named(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{part}.{name}": tensor for name, tensor in tensors.items()}
