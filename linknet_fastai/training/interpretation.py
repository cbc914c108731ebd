"What a network gets wrong: fastai's `SegmentationInterpretation`, which is an empty class, filled."

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from fastai import interpret
from fastai.callback.core import Callback
from fastai.learner import Learner, Recorder
from fastcore.basics import patch
from torch import Tensor

from ..errors import UserError
from ..runs.figures import confusion_chart, row_shares
from ..runs.scores import Scores
from .batches import SegmentationDL
from .evaluation import Evaluation, confusion_matrices
from .inspection import hardest, picture_table, results_sheet, titles


class SegmentationInterpretation(interpret.SegmentationInterpretation):
    """Confusions, scores by class and by picture, and pictures drawn, from one pass over a set of batches.

    `matrices` `[N,C,C]` and `losses` `[N]` are kept, one a picture, and no prediction: what is drawn is predicted again.
    """

    def __init__(self, learn: Learner, dl: SegmentationDL, losses: Tensor, matrices: np.ndarray, act=None):
        super().__init__(learn, dl, losses, act)
        self.matrices = matrices

    @classmethod
    def from_learner(cls, learn: Learner, ds_idx: int = 1, dl: SegmentationDL | None = None, act=None):
        "Of the validation pictures, or those of `dl`, which must have masks."
        if dl is None: dl = learn.dls[ds_idx].new(shuffle=False, drop_last=False)
        counted = Counting()
        *_, losses = learn.get_preds(dl=dl, with_preds=False, with_targs=False, with_loss=True, act=act, cbs=counted)
        return cls(learn, dl, losses, torch.cat(counted.matrices).cpu().numpy(), act)

    def __getitem__(self, idxs) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        "Pictures, probabilities, masks, predicted classes and losses at these places in `dl`; masks must be of one size."
        idxs = [idxs] if isinstance(idxs, int) else list(map(int, idxs))
        found = self.learn.get_preds(dl=self.dl.new(get_idxs=lambda: idxs), with_input=True, with_decoded=True, act=self.act, reorder=False)
        return *found, self.losses[idxs]

    @property
    def scores(self) -> Scores:
        return Scores(self.matrices.sum(0), self.dl.vocab)

    def class_table(self) -> pd.DataFrame:
        "A row a class: IoU, accuracy, Dice, share of the true pixels."
        return self.scores.table()

    def most_confused(self, min_share: float = 0.01) -> pd.DataFrame:
        "Pairs of classes by the share of the true class's pixels that went to the other, from `min_share` up, largest first."
        confusion = self.scores.confusion
        shares = row_shares(confusion)
        pairs = [(self.dl.vocab[true], self.dl.vocab[other], int(confusion[true, other]), share)
                 for (true, other), share in np.ndenumerate(shares) if true != other and share >= min_share]
        return (pd.DataFrame(pairs, columns=["true", "predicted", "pixels", "share"])
                .sort_values("share", ascending=False, ignore_index=True))

    def worst_images(self, by: str = "mIoU", k: int = 10) -> pd.DataFrame:
        "The `k` pictures with the lowest score, `mIoU` or that of a class; the index is their place in `dl`."
        if by != "mIoU" and by not in self.dl.vocab:
            raise UserError(f"{by!r} is no class; there are mIoU, {', '.join(self.dl.vocab)}.")
        return hardest(self.pictures, self._column(by))[:k]

    @property
    def pictures(self) -> pd.DataFrame:
        "A row a picture: `picture`, `mIoU`, and `IoU CLASS` for each class."
        return picture_table(self.dl, self.matrices)

    def plot_worst_images(self, by: str = "mIoU", k: int = 4, errors: bool = True):
        "Draw `worst_images`: image, truth, prediction, errors."
        rows = self.worst_images(by, k)
        self._draw(list(rows.index), titles(rows, self._column(by)), errors)

    def plot_top_losses(self, k: int = 4, largest: bool = True, errors: bool = True):
        "Draw the pictures with the highest loss."
        losses, chosen = self.top_losses(k, largest)
        chosen = chosen.tolist()
        self._draw(chosen, [f"{name}: loss {loss:.3f}" for name, loss in zip(self.pictures["picture"][chosen], losses)], errors)

    def show_results(self, idxs: list[int], errors: bool = True):
        "Draw the pictures at these places in `dl`."
        self._draw(list(idxs), titles(self.pictures.loc[list(idxs)]), errors)

    def plot_confusion_matrix(self):
        "Where each true class's pixels went, in %."
        confusion_chart(self.scores.confusion, self.dl.vocab, f"{len(self.matrices)} pictures")

    def _draw(self, chosen: list[int], titles: list[str], errors: bool):
        results_sheet(self.learn.model, self.dl, chosen, titles, errors=errors)

    def _column(self, by: str) -> str: return by if by == "mIoU" else f"IoU {by}"


class Counting(Callback):
    "Each picture's confusion matrix, after `Evaluation` has brought the logits to the masks' size."

    order = Evaluation.order + 1

    def before_validate(self): self.matrices = []

    def after_pred(self): self.matrices.append(confusion_matrices(self.pred, self.y.as_subclass(Tensor)))


@patch
def plot_metrics(self: Recorder):
    "Each metric of the training by epoch; fastai's recorder only plots the loss."
    names = self.metric_names[3:-1]  # after epoch and the two losses, before the time
    values = np.array([row[2:] for row in self.values], dtype=float)
    figure, axes = plt.subplots(1, len(names), figsize=(3.4 * len(names), 3), layout="constrained", squeeze=False)
    for axis, name, column in zip(axes[0], names, values.T):
        axis.plot(np.arange(1, len(column) + 1), column)
        axis.set_title(name)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
