"What an epoch achieved: recorded by the learner, and written to the run folder."

import time

import matplotlib.pyplot as plt
import pandas as pd
import torch
from fastai.callback.core import Callback
from fastai.learner import AvgLoss, AvgSmoothLoss, Learner, Recorder

from ..errors import UserError
from ..evaluation.metrics import ScoreMetric
from ..models.autocast import plain_model
from ..runs.card import ModelCard
from ..runs.run import Run
from ..runtime.all_reduce import all_reduce_sum
from ..runtime.distributed import communication_device, is_main_process, world_size
from .finite_loss import FiniteLoss


class SegmentationRecorder(Recorder):
    """fastai's `Recorder`, with a row an epoch as a run folder has it, and a plot of the metrics.

    `rows` have the epoch (from 1), fastai's losses and metrics by name, `lr` at its end, and `seconds`. `best` is the
    highest mIoU so far, `improved` whether the last epoch reached it. Only rows from `compared_from` on are of the data
    that there are now.
    """

    name = "recorder"  # where fastai and its callbacks look

    def __init__(self, finite_loss: FiniteLoss):
        super().__init__()
        self.loss, self.smooth_loss = MeanLoss(), SmoothLoss(finite_loss)
        self._begin()

    def _begin(self): self.rows, self.best, self.improved, self.compared_from = [], -1.0, False, 0

    def before_fit(self):
        if self.train_metrics:
            raise UserError("scores are counted in validation alone; leave out train_metrics, and pass "
                            "`dl=dls.train.in_order()` to `learn.validate` for those of the training images.")
        super().before_fit()
        self.is_new, self.is_training = True, False  # fastai begins a fit to predict, too

    def before_epoch(self):
        super().before_epoch()
        self.started = time.perf_counter()

    def before_train(self):
        super().before_train()
        if self.is_new: self._begin()
        self.is_new, self.is_training = False, True

    def after_batch(self):
        super().after_batch()
        if self.training and len(self.yb): self.losses[-1] = self.losses[-1].cpu()  # what fastai plots

    def after_train(self):
        self.smooth_loss.all_reduce()
        super().after_train()

    def after_validate(self):
        for each in self._valid_mets:
            if isinstance(each, MeanLoss | ScoreMetric): each.all_reduce()
        super().after_validate()

    def after_epoch(self):
        super().after_epoch()
        if not self.is_training: return
        self.rows.append({"epoch": self.epoch + 1, **dict(zip(self._recorded(), self.final_record)),
                          "lr": self.opt.hypers[-1]["lr"], "seconds": time.perf_counter() - self.started})
        miou = self.rows[-1].get("miou", float("nan"))
        self.improved = miou > self.best
        if self.improved: self.best = miou

    def _recorded(self) -> list[str]:
        "The names of what the epoch recorded: a part of it that was cancelled is left out."
        train_loss, *validation = self.metric_names[1:-1] if self.add_time else self.metric_names[1:]
        return [train_loss] * (not self.cancel_train) + validation * (not self.cancel_valid)

    def state_dict(self) -> dict:
        """All that it needs to go on, as JSON can hold it.

        Before a fit's first batch its rows are those of the fit before, such as a search for the learning rate.
        """
        rows, best = ([], -1.0) if self.is_new else (self.rows, self.best)
        return {"rows": rows, "best": best, "compared_from": self.compared_from,
                "smooth_loss": float(self.smooth_loss.val), "count": self.smooth_loss.count}

    def load_state_dict(self, state: dict):
        "What `state_dict` gave."
        self.rows, self.best, self.is_new = list(state["rows"]), state["best"], False
        self.compared_from = state.get("compared_from", 0)  # earlier checkpoints don't say it
        self.smooth_loss.val, self.smooth_loss.count = torch.tensor(state["smooth_loss"]), state["count"]

    def plot_metrics(self):
        "Each metric of the training by epoch; fastai's recorder only plots the loss."
        table, names = pd.DataFrame(self.rows), [metric.name for metric in self.metrics]
        figure, axes = plt.subplots(1, len(names), figsize=(3.4 * len(names), 3), layout="constrained", squeeze=False)
        for axis, name in zip(axes[0], names):
            axis.plot(table["epoch"], table[name].astype(float))
            axis.set_title(name)
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.grid(alpha=0.3)


class SmoothLoss(AvgSmoothLoss):
    "Of the losses that are finite. fastai's own copies each to the CPU, which waits for the device at every step."

    def __init__(self, finite_loss: FiniteLoss):
        super().__init__()
        self.finite_loss = finite_loss

    def accumulate(self, learn: Learner):
        if self.finite_loss.in_a_row: return
        self.count += 1
        self.val = torch.lerp(learn.loss.detach().mean(), torch.as_tensor(self.val, device=learn.loss.device),
                              self.beta)

    def all_reduce(self):
        "To the mean over all processes."
        if world_size() > 1: self.val = all_reduce_sum(self.val.to(communication_device())) / world_size()


class MeanLoss(AvgLoss):
    "fastai's, over the images of all processes."

    def all_reduce(self):
        if world_size() == 1: return
        sums = torch.tensor([float(self.total), self.count], dtype=torch.double, device=communication_device())
        total, count = all_reduce_sum(sums)
        self.total, self.count = total.float(), count.item()


class RunHistory(Callback):
    """After each epoch: its row in `history.csv`, and the weights where its mIoU is the best so far.

    Where nothing is validated, the last epoch's are kept.
    """

    order = 60  # after fastai's Recorder has put the epoch's scores together

    def __init__(self, run: Run, card: ModelCard):
        self.run_folder, self.card = run, card

    def after_epoch(self):
        if not is_main_process(): return
        self.run_folder.write_csv("history.csv", pd.DataFrame(self.recorder.rows))
        if self.recorder.improved or not len(self.dls.valid):
            self.run_folder.remove_scores()  # of the weights before, by an `evaluate` meanwhile
            self.run_folder.write_model(plain_model(self.model), self.card)
