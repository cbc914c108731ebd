"What a model gets wrong: fastai's `SegmentationInterpretation`, which is an empty class, filled."

import numpy as np
import pandas as pd
import torch
from fastai import interpret
from fastai.callback.core import Callback
from fastai.learner import Learner
from torch import Tensor

from ..dataloaders.segmentation_dl import SegmentationDL
from ..errors import check_choice
from ..evaluation.confusion import confusion_matrices
from ..evaluation.metrics import ConfusionCallback
from ..evaluation.scores import Scores
from ..images.grid import GridLayout
from .charts import confusion_chart, normalize_rows
from .results import image_table, results_grid, titles, worst


class SegmentationInterpretation(interpret.SegmentationInterpretation):
    """Confusions, scores by class and by image, and images drawn, from one pass over a set of images.

    `matrices` `[N,C,C]` and `losses` `[N]` are kept, one an image, and no prediction: what is drawn is predicted again.
    Everything is in the order of `dl.items`; images are whole, not augmented.
    """

    def __init__(self, learn: Learner, dl: SegmentationDL, losses: Tensor, matrices: np.ndarray, act=None):
        super().__init__(learn, dl, losses, act)
        self.matrices = matrices

    @classmethod
    def from_learner(cls, learn: Learner, ds_idx: int = 1, dl: SegmentationDL | None = None, act=None):
        """Of the validation images, with `ds_idx=0` of the training images, or of those of `dl`, which must have masks.

        In whatever order a `dl` gives its images, and however it augments them, they are taken once, whole, in the
        order of `items`.
        """
        dl = (learn.dls[ds_idx] if dl is None else dl).in_order()
        confusions = ImageConfusions(len(dl.vocab))
        *_, losses = learn.get_preds(dl=dl, with_preds=False, with_targs=False, with_loss=True, act=act, cbs=confusions)
        return cls(learn, dl, losses, torch.cat(confusions.matrices).cpu().numpy(), act)

    def __getitem__(self, idxs) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Images, probabilities, masks, predicted classes and losses at these places in `dl`: a number, several, or a
        slice.

        The masks must be of one size.
        """
        places = np.arange(len(self.losses))[idxs if isinstance(idxs, slice) else np.atleast_1d(idxs)].tolist()
        found = self.learn.get_preds(dl=self.dl.new(get_idxs=lambda: places), with_input=True, with_decoded=True,
                                     act=self.act, reorder=False)
        return *found, self.losses[places]

    @property
    def scores(self) -> Scores:
        "Over all images."
        return Scores(self.matrices.sum(0), self.dl.vocab)

    def class_table(self) -> pd.DataFrame:
        "A row a class: IoU, accuracy, Dice, frequency among the true pixels."
        return self.scores.table()

    def most_confused(self, min_val: int = 1, min_frequency: float = 0.01) -> pd.DataFrame:
        """Pairs of classes, those of which most of the true class's pixels went to the other first.

        Args:
            min_val: the fewest pixels of a pair.
            min_frequency: the smallest part of the true class's pixels, 0 to 1.
        """
        confusion = self.scores.confusion
        rows = [(self.dl.vocab[true], self.dl.vocab[other], int(confusion[true, other]), frequency)
                for (true, other), frequency in np.ndenumerate(normalize_rows(confusion))
                if true != other and frequency >= min_frequency and confusion[true, other] >= min_val]
        return (pd.DataFrame(rows, columns=["true", "predicted", "pixels", "frequency"])
                .sort_values("frequency", ascending=False, ignore_index=True))

    def worst_images(self, by: str = "mIoU", k: int = 10) -> pd.DataFrame:
        "The `k` images with the lowest score, `mIoU` or that of a class; the index is their place in `dl`."
        check_choice("score", by, ["mIoU", *self.dl.vocab])
        return worst(self.images, self._column(by))[:k]

    @property
    def images(self) -> pd.DataFrame:
        "A row an image: `image`, `mIoU`, and `IoU CLASS` for each class."
        return image_table(self.dl, self.matrices)

    def plot_worst_images(self, by: str = "mIoU", k: int = 4, errors: bool = True,
                          figsize: tuple[float, float] | None = None):
        "Draw `worst_images`: image, truth, prediction, and with `errors` where they differ."
        rows = self.worst_images(by, k)
        self._draw(list(rows.index), titles(rows, self._column(by)), errors, figsize)

    def plot_top_losses(self, k: int | list[int] = 4, largest: bool = True, errors: bool = True,
                        figsize: tuple[float, float] | None = None):
        "Draw the `k` images with the highest loss, or those at the places `k` among them; the lowest if not `largest`."
        losses, chosen = self.top_losses(None if isinstance(k, list | range) else k, largest)
        if isinstance(k, list | range): losses, chosen = losses[list(k)], chosen[list(k)]
        chosen = chosen.tolist()
        names = self.images["image"]
        self._draw(chosen, [f"{names[i]}: loss {loss:.3f}" for i, loss in zip(chosen, losses)], errors, figsize)

    def show_results(self, idxs, errors: bool = True, figsize: tuple[float, float] | None = None):
        "Draw the images at these places in `dl`."
        chosen = np.atleast_1d(idxs).tolist()
        self._draw(chosen, titles(self.images.loc[chosen]), errors, figsize)

    def plot_confusion_matrix(self, normalize: bool = True, figsize: tuple[float, float] | None = None):
        "Where each true class's pixels went, in %; without `normalize` as numbers of pixels."
        confusion_chart(self.scores.confusion, self.dl.vocab, f"{len(self.matrices)} images", normalize, figsize)

    def _draw(self, chosen: list[int], titles: list[str], errors: bool, figsize: tuple[float, float] | None):
        results_grid(self.learn.model, self.dl, chosen, titles, errors, GridLayout(figsize))

    def _column(self, by: str) -> str: return by if by == "mIoU" else f"IoU {by}"


class ImageConfusions(Callback):
    "Each image's confusion matrix, after `ConfusionCallback` has brought the logits to the masks' size."

    order = ConfusionCallback.order + 1

    def __init__(self, num_classes: int): self.num_classes = num_classes

    def before_validate(self): self.matrices = []

    def after_pred(self):
        masks = self.y.as_subclass(Tensor)
        self.matrices.append(confusion_matrices(self.pred.argmax(1), masks, self.num_classes))
