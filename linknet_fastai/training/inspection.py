"Which pictures a model does worst on, and a sheet to see why."

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from fastai.torch_core import set_seed
from matplotlib.figure import Figure
from torch import nn

from ..datasets.dataset import SegmentationDataset
from ..runs.figures import picture_sheet, save_figure
from ..runs.scores import Scores
from .batches import SegmentationDataLoaders, SegmentationDL, common_size
from .evaluation import at_resolution_of
from .recipes import Recipe


def picture_ious(matrices: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    "mIoU of each picture from its confusion matrix `[N,C,C]`, over the classes in it; nan where all is void."
    return np.array([Scores(matrix, classes).miou for matrix in matrices])


def hardest(ious: np.ndarray, count: int) -> list[int]:
    "Indices of the pictures with the lowest mIoU, hardest first."
    return [int(i) for i in np.argsort(ious)[:count] if not np.isnan(ious[i])]


def draw_batch(dataset: SegmentationDataset, recipe: Recipe, path: Path):
    "A training batch as the network gets it, drawn to the file `path`."
    set_seed(recipe.seed)
    train = dataset.split("train")
    few = pd.concat([train.sample(min(recipe.batch_size, len(train)), random_state=recipe.seed), dataset.split("val")[:1]])
    recipe = replace(recipe, size=recipe.size or common_size(dataset))
    SegmentationDataLoaders.from_dataset(replace(dataset, table=few), recipe, "cpu").show_batch()
    save_figure(path, plt.gcf())


@torch.inference_mode()
def results_sheet(model: nn.Module, dl: SegmentationDL, chosen: list[int], ious: np.ndarray) -> Figure:
    "Image, truth and prediction of the chosen pictures of `dl`, under their names and mIoU."
    model.eval()
    images, truths, predictions = [], [], []
    for i in chosen:
        batch = dl.new(bs=1, get_idxs=lambda i=i: [i]).one_batch()
        images.append(dl.decode(batch)[0][0])
        truths.append(batch[1][0])
        predictions.append(at_resolution_of(batch[1], model(batch[0])).argmax(1)[0])
    titles = [f"{dl.items[i].path.name}: mIoU {100 * ious[i]:.1f}" for i in chosen]
    return picture_sheet(images, {"truth": truths, "prediction": predictions}, dl.vocab, dl.palette, titles)
