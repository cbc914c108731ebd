"What a network gets wrong: fastai's `SegmentationInterpretation`, which is an empty class, filled."

import numpy as np
import pandas as pd
import torch
from fastai import interpret
from fastai.callback.core import Callback
from fastai.learner import Learner
from torch import Tensor

from ..dataloaders.dataloaders import SegmentationDL
from ..errors import UserError
from ..evaluation.confusion import confusion_matrices
from ..evaluation.metrics import ConfusionCallback
from ..evaluation.scores import Scores
from .charts import confusion_chart, normalize_rows
from .results import image_table, results_grid, titles, worst


class SegmentationInterpretation(interpret.SegmentationInterpretation):
    """Confusions, scores by class and by image, and images drawn, from one pass over a set of batches.

    `matrices` `[N,C,C]` and `losses` `[N]` are kept, one an image, and no prediction: what is drawn is predicted again.
    """

    def __init__(self, learn: Learner, dl: SegmentationDL, losses: Tensor, matrices: np.ndarray, act=None):
        super().__init__(learn, dl, losses, act)
        self.matrices = matrices

    @classmethod
    def from_learner(cls, learn: Learner, ds_idx: int = 1, dl: SegmentationDL | None = None, act=None):
        "Of the validation images, or those of `dl`, which must have masks."
        if dl is None: dl = learn.dls[ds_idx].new(shuffle=False, drop_last=False)
        counted = ImageConfusions()
        *_, losses = learn.get_preds(dl=dl, with_preds=False, with_targs=False, with_loss=True, act=act, cbs=counted)
        return cls(learn, dl, losses, torch.cat(counted.matrices).cpu().numpy(), act)

    def __getitem__(self, idxs) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        "Images, probabilities, masks, predicted classes and losses at these places in `dl`; masks must be of one size."
        idxs = [idxs] if isinstance(idxs, int) else list(map(int, idxs))
        found = self.learn.get_preds(dl=self.dl.new(get_idxs=lambda: idxs), with_input=True, with_decoded=True, act=self.act, reorder=False)
        return *found, self.losses[idxs]

    @property
    def scores(self) -> Scores:
        return Scores(self.matrices.sum(0), self.dl.vocab)

    def class_table(self) -> pd.DataFrame:
        "A row a class: IoU, accuracy, Dice, frequency among the true pixels."
        return self.scores.table()

    def most_confused(self, min_share: float = 0.01) -> pd.DataFrame:
        "Pairs of classes by the share of the true class's pixels that went to the other, from `min_share` up, largest first."
        confusion = self.scores.confusion
        shares = normalize_rows(confusion)
        pairs = [(self.dl.vocab[true], self.dl.vocab[other], int(confusion[true, other]), share)
                 for (true, other), share in np.ndenumerate(shares) if true != other and share >= min_share]
        return (pd.DataFrame(pairs, columns=["true", "predicted", "pixels", "share"])
                .sort_values("share", ascending=False, ignore_index=True))

    def worst_images(self, by: str = "mIoU", k: int = 10) -> pd.DataFrame:
        "The `k` images with the lowest score, `mIoU` or that of a class; the index is their place in `dl`."
        if by != "mIoU" and by not in self.dl.vocab:
            raise UserError(f"{by!r} is no class; there are mIoU, {', '.join(self.dl.vocab)}.")
        return worst(self.images, self._column(by))[:k]

    @property
    def images(self) -> pd.DataFrame:
        "A row an image: `image`, `mIoU`, and `IoU CLASS` for each class."
        return image_table(self.dl, self.matrices)

    def plot_worst_images(self, by: str = "mIoU", k: int = 4, errors: bool = True):
        "Draw `worst_images`: image, truth, prediction, errors."
        rows = self.worst_images(by, k)
        self._draw(list(rows.index), titles(rows, self._column(by)), errors)

    def plot_top_losses(self, k: int = 4, largest: bool = True, errors: bool = True):
        "Draw the images with the highest loss."
        losses, chosen = self.top_losses(k, largest)
        chosen = chosen.tolist()
        self._draw(chosen, [f"{name}: loss {loss:.3f}" for name, loss in zip(self.images["image"][chosen], losses)], errors)

    def show_results(self, idxs: list[int], errors: bool = True):
        "Draw the images at these places in `dl`."
        self._draw(list(idxs), titles(self.images.loc[list(idxs)]), errors)

    def plot_confusion_matrix(self):
        "Where each true class's pixels went, in %."
        confusion_chart(self.scores.confusion, self.dl.vocab, f"{len(self.matrices)} images")

    def _draw(self, chosen: list[int], titles: list[str], errors: bool):
        results_grid(self.learn.model, self.dl, chosen, titles, errors=errors)

    def _column(self, by: str) -> str: return by if by == "mIoU" else f"IoU {by}"


class ImageConfusions(Callback):
    "Each image's confusion matrix, after `ConfusionCallback` has brought the logits to the masks' size."

    order = ConfusionCallback.order + 1

    def before_validate(self): self.matrices = []

    def after_pred(self): self.matrices.append(confusion_matrices(self.pred, self.y.as_subclass(Tensor)))

