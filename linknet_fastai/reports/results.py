"Images of a split by their scores, and drawn beside their truth and prediction."

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

from ..dataloaders.segmentation_dl import SegmentationDL
from ..errors import printable
from ..evaluation.confusion import resize_logits
from ..evaluation.predictions import tiled_classes
from ..evaluation.scores import Scores
from ..images.grid import GridLayout, image_grid
from ..images.shrink import shrunk, shrunk_mask

LONGEST_SHOWN = 1600  # pixels


@dataclass(frozen=True)
class PredictedSample:
    "An image, uint8 `[3,H,W]`, its truth with void, uint8 `[h,w]`, and its predicted classes, uint8 `[h,w]`."

    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


def image_table(dl: SegmentationDL, matrices: np.ndarray) -> pd.DataFrame:
    """A row an image of `dl`, in its order: `image`, `mIoU` over the classes in it, and `IoU CLASS` for each.

    From the images' confusion matrices `[N,C,C]`; nan for a class that is in neither truth nor prediction.
    """
    scores = [Scores(matrix, dl.vocab) for matrix in matrices]
    ious = pd.DataFrame([score.class_iou for score in scores], columns=[f"IoU {name}" for name in dl.vocab])
    return pd.concat([pd.DataFrame({"image": image_names(dl), "mIoU": [score.miou for score in scores]}), ious], axis=1)


def image_names(dl: SegmentationDL) -> list[str]:
    "The images of `dl` by their files' paths below the folder that holds them all."
    paths = [sample.path for sample in dl.items]
    if not paths: return []
    folder = os.path.commonpath([path.parent for path in paths])
    return [printable(os.path.relpath(path, folder)) for path in paths]


def worst(table: pd.DataFrame, by: str = "mIoU") -> pd.DataFrame:
    "The rows of `image_table` that have a score, the lowest first."
    return table[table[by].notna()].sort_values(by, kind="stable")


@torch.inference_mode()
def predict_samples(model: nn.Module, dl: SegmentationDL, chosen: list[int]) -> Iterator[PredictedSample]:
    "The images at the places `chosen` of `dl` with the model's predictions, one at a time; large ones are shrunk."
    model.eval()
    for i in chosen:
        sample = dl.items[i]
        if dl.tiling:
            predicted = tiled_classes(model, sample.image.permute(1, 2, 0).numpy(), dl)
            image = shrunk(sample.image.permute(1, 2, 0).numpy(), LONGEST_SHOWN).transpose(2, 0, 1)
            masks = (shrunk_mask(mask, LONGEST_SHOWN) for mask in (sample.mask.numpy(), predicted))
            yield PredictedSample(image, *masks)
            continue
        images, masks = dl.new(bs=1, get_idxs=lambda i=i: [i]).one_batch()
        predicted = resize_logits(model(images), tuple(masks.shape[-2:])).argmax(1)
        yield PredictedSample(sample.image.numpy(), sample.mask.numpy(), predicted[0].to(torch.uint8).cpu().numpy())


def titles(rows: pd.DataFrame, by: str = "mIoU") -> list[str]:
    "The name of each row of `image_table`, and its score `by` in %."
    return [f"{name}: {by} {100 * score:.1f}" for name, score in zip(rows["image"], rows[by])]


def results_grid(model: nn.Module, dl: SegmentationDL, chosen: list[int], titles: list[str], errors: bool = False,
                 layout: GridLayout = GridLayout()) -> Figure:
    """Images with their truth and prediction, a row each.

    Args:
        model: images `[B,3,H,W]` to logits `[B,C,H,W]`.
        dl: the batches that have the images.
        chosen: the images' places in `dl`.
        titles: one an image.
        errors: draw where the prediction is wrong, too.
        layout: of the figure.
    """
    shown = list(predict_samples(model, dl, chosen))
    masks = {"truth": [each.truth for each in shown], "prediction": [each.prediction for each in shown]}
    return image_grid([each.image for each in shown], masks, dl.vocab, dl.palette, titles, errors, layout)
