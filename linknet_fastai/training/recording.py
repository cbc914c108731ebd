"The run folder, kept up to date during training."

import time

import pandas as pd
from fastai.callback.core import Callback
from fastai.torch_core import get_model

from ..runs.run import Run
from ..runs.weights import ModelCard
from .processes import is_first


class Recording(Callback):
    """After each epoch: its row in `history.csv`, and the weights where its mIoU is the best so far.

    Where nothing is validated, the last epoch's are kept.
    """

    order = 60  # after fastai's Recorder has put the epoch's scores together

    def __init__(self, run: Run, card: ModelCard):
        self.run_folder, self.card = run, card

    def before_fit(self):
        self.rows, self.best = [], -1.0

    def before_epoch(self):
        self.started = time.perf_counter()

    def after_epoch(self):
        names = self.recorder.metric_names[1:-1]  # without `epoch` and `time`
        row = {"epoch": self.epoch + 1, **dict(zip(names, self.recorder.final_record)),
               "lr": self.opt.hypers[-1]["lr"], "seconds": time.perf_counter() - self.started}
        self.rows.append(row)
        self.improved = row["miou"] > self.best
        if self.improved: self.best = row["miou"]
        if not is_first(): return
        self.run_folder.write_history(pd.DataFrame(self.rows))
        if self.improved or not len(self.dls.valid):
            self.run_folder.write_model(get_model(self.model), self.card)
