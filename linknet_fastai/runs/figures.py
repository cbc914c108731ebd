"Pictures of a data set and of a run."

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..files import written_whole

VOID_STRIPES = np.array([[236, 236, 236], [204, 204, 204]], dtype=np.uint8)  # of no data set's palette
PANEL, LEGEND_ENTRY = 3.2, 1.3  # inches


def colourise(mask: np.ndarray, palette) -> np.ndarray:
    "Classes `[H,W]` to RGB uint8 `[H,W,3]`; what is no class is striped."
    rows, columns = np.indices(mask.shape)
    coloured = VOID_STRIPES[(rows + columns) // max(4, mask.shape[0] // 40) % 2]
    known = mask < len(palette)
    coloured[known] = np.array(palette, dtype=np.uint8)[mask[known]]
    return coloured


def picture_sheet(images, masks: dict, classes, palette, titles=None) -> Figure:
    """Pictures beside their masks, with a legend of the classes that occur.

    `images` `[N,3,H,W]` in 0..255; `masks` takes a column's name to `[N,h,w]`; `titles` has one a picture.
    """
    panels = 1 + len(masks)
    across = 1 if panels > 2 else min(2, len(images))  # pairs stand two in a row
    down = -(-len(images) // across)
    height, width = images[0].shape[-2:]
    figure, axes = plt.subplots(down, across * panels, squeeze=False, layout="constrained",
                                figsize=(PANEL * across * panels, PANEL * height / width * down + 0.8))
    for axis in axes.flat: axis.set_axis_off()
    for i, row in enumerate(axes.reshape(-1, panels)[:len(images)]):
        row[0].imshow(_array(images[i]).astype(np.uint8).transpose(1, 2, 0))
        row[0].set_title(titles[i] if titles is not None else "image", fontsize=9, loc="left")
        for axis, (name, column) in zip(row[1:], masks.items()):
            axis.imshow(colourise(_array(column[i]), palette), interpolation="nearest")
            axis.set_title(name, fontsize=9, loc="left")
    present = np.unique(np.concatenate([np.unique(_array(mask)) for column in masks.values() for mask in column]))
    legend = [Patch(color=np.array(palette[c]) / 255, label=classes[c]) for c in present if c < len(classes)]
    if present[-1] >= len(classes):
        legend.append(Patch(facecolor=VOID_STRIPES[0] / 255, edgecolor=VOID_STRIPES[1] / 255, hatch="///", label="void"))
    figure.legend(handles=legend, loc="outside lower center", frameon=False, fontsize=9,
                  ncols=max(1, int(PANEL * across * panels / LEGEND_ENTRY)))
    return figure


def curves(history: pd.DataFrame, title: str) -> Figure:
    "Loss, mIoU and learning rate by epoch."
    figure, (loss, score, rate) = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    loss.plot(history.epoch, history.train_loss, label="training")
    if history.valid_loss.notna().any(): loss.plot(history.epoch, history.valid_loss, label="validation")
    loss.legend(frameon=False)
    loss.set_title("loss")
    if history.miou.notna().any():
        best = history.miou.idxmax()
        score.plot(history.epoch, 100 * history.miou, color="tab:green")
        score.plot(history.epoch[best], 100 * history.miou[best], "o", color="tab:green",
                   label=f"best: {100 * history.miou[best]:.1f} in epoch {history.epoch[best]}")
        score.legend(frameon=False, loc="lower right")
    score.set_title("validation mIoU, %")
    rate.plot(history.epoch, history.lr, color="tab:red")
    rate.set_title("learning rate at the epoch's end")
    for axis in (loss, score, rate):
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    return figure


def class_bars(shares: pd.DataFrame, palette, title: str) -> Figure:
    "A bar for each class (rows) in each split (columns), in the class's colour; the later the split, the paler."
    figure, axis = plt.subplots(figsize=(9, 1.2 + 0.32 * len(shares)), layout="constrained")
    thickness = 0.8 / len(shares.columns)
    for number, split in enumerate(shares):
        places = np.arange(len(shares)) + number * thickness
        bars = axis.barh(places, 100 * shares[split], thickness, color=np.array(palette) / 255, alpha=1 - 0.35 * number,
                         edgecolor="0.3", linewidth=0.5)
        axis.bar_label(bars, [f"{split} {100 * share:.2f}" for share in shares[split]], padding=3, fontsize=7)
    axis.set_yticks(np.arange(len(shares)) + 0.4 - thickness / 2, shares.index)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.set_xlabel("%")
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(title, fontsize=10, loc="left")
    return figure


def save_figure(path: Path, figure: Figure):
    with written_whole(path) as file: figure.savefig(file, dpi=120)
    plt.close(figure)


def _array(tensor) -> np.ndarray:
    return tensor if isinstance(tensor, np.ndarray) else np.asarray(tensor.detach().cpu())
