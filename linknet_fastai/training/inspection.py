"Pictures to look at: a batch, and what a network makes of single pictures."

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from fastai.torch_core import set_seed
from matplotlib.figure import Figure
from torch import nn

from ..datasets.dataset import SegmentationDataset
from ..runs.figures import save_figure
from ..runs.scores import Scores
from ..runs.sheets import picture_sheet
from .batches import SegmentationDataLoaders, SegmentationDL, common_size
from .evaluation import at_resolution_of
from .recipes import Recipe


@dataclass(frozen=True)
class Predicted:
    "A picture uint8 `[3,H,W]`, its truth with void and its prediction, uint8 `[h,w]`."

    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


def picture_table(dl: SegmentationDL, matrices: np.ndarray) -> pd.DataFrame:
    """A row a picture of `dl`, in its order: `picture`, `mIoU` over the classes in it, and `IoU CLASS` for each.

    From the pictures' confusion matrices `[N,C,C]`; nan for a class that is in neither truth nor prediction.
    """
    scores = [Scores(matrix, dl.vocab) for matrix in matrices]
    ious = pd.DataFrame([score.class_iou for score in scores], columns=[f"IoU {name}" for name in dl.vocab])
    return pd.concat([pd.DataFrame({"picture": picture_names(dl), "mIoU": [score.miou for score in scores]}), ious], axis=1)


def picture_names(dl: SegmentationDL) -> list[str]:
    "The files' paths below the folder that holds them all."
    paths = [pair.path for pair in dl.items]
    return [os.path.relpath(path, os.path.commonpath([path.parent for path in paths])) for path in paths]


def hardest(table: pd.DataFrame, by: str = "mIoU") -> pd.DataFrame:
    "The rows of `picture_table` that have a score, the lowest first."
    return table[table[by].notna()].sort_values(by, kind="stable")


@torch.inference_mode()
def predicted(model: nn.Module, dl: SegmentationDL, chosen: list[int]) -> Iterator[Predicted]:
    "What the model makes of the chosen pictures of `dl`, one at a time."
    model.eval()
    for i in chosen:
        images, masks = dl.new(bs=1, get_idxs=lambda i=i: [i]).one_batch()
        prediction = at_resolution_of(masks, model(images)).argmax(1)
        yield Predicted(dl.items[i].image.numpy(), dl.items[i].mask.numpy(), prediction[0].to(torch.uint8).cpu().numpy())


def titles(rows: pd.DataFrame, by: str = "mIoU") -> list[str]:
    "Name and score of each row of `picture_table`."
    return [f"{name}: {by} {100 * score:.1f}" for name, score in zip(rows["picture"], rows[by])]


def results_sheet(model: nn.Module, dl: SegmentationDL, chosen: list[int], titles: list[str], caption: str = "",
                  errors: bool = False) -> Figure:
    "Image, truth and prediction of the chosen pictures of `dl` under their titles, and with `errors` where they are wrong."
    shown = list(predicted(model, dl, chosen))
    figure = picture_sheet([each.image for each in shown], {"truth": [each.truth for each in shown],
                           "prediction": [each.prediction for each in shown]}, dl.vocab, dl.palette, titles, errors)
    figure.suptitle(caption, fontsize=9)
    return figure


def draw_batch(dataset: SegmentationDataset, recipe: Recipe, path: Path):
    "A training batch as the network gets it, drawn to the file `path`."
    set_seed(recipe.seed)
    train = dataset.split("train")
    few = pd.concat([train.sample(min(recipe.batch_size, len(train)), random_state=recipe.seed), dataset.split("val")[:1]])
    recipe = replace(recipe, size=recipe.size or common_size(dataset))
    SegmentationDataLoaders.from_dataset(replace(dataset, table=few), recipe, "cpu").show_batch()
    save_figure(path, plt.gcf())
