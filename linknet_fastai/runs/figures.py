"Charts of a run: how it learned, class by class, what it takes for what."

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..files import written_whole

WRITTEN = 25  # classes: more make numbers in a confusion matrix too small to read


def curves(histories: dict[str, pd.DataFrame], title: str) -> Figure:
    "Loss, validation mIoU and learning rate by epoch, of one run or of several on one axis, by name."
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    for number, (name, history) in enumerate(histories.items()):
        _draw_curves(axes, history, f"C{number}", f"{name}: " if len(histories) > 1 else "")
    for axis, name in zip(axes, ("loss", "validation mIoU, %", "learning rate at the epoch's end")):
        axis.set_title(name)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        if axis.get_legend_handles_labels()[0]: axis.legend(frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def _draw_curves(axes, history: pd.DataFrame, colour: str, name: str):
    loss, score, rate = axes
    loss.plot(history.epoch, history.train_loss, "--", color=colour, label=f"{name}training")
    if history.valid_loss.notna().any(): loss.plot(history.epoch, history.valid_loss, color=colour, label=f"{name}validation")
    if history.miou.notna().any():
        best = history.miou.idxmax()
        score.plot(history.epoch, 100 * history.miou, color=colour)
        score.plot(history.epoch[best], 100 * history.miou[best], "o", color=colour,
                   label=f"{name}best {100 * history.miou[best]:.1f}, epoch {history.epoch[best]}")
    rate.plot(history.epoch, history.lr, color=colour)


def confusion_chart(confusion: np.ndarray, classes: tuple[str, ...], title: str) -> Figure:
    "Where each true class's pixels went, in %: rows `[true, predicted]` of 100 each."
    shares = 100 * row_shares(confusion)
    side = 2.2 + 0.42 * len(classes)
    figure, axis = plt.subplots(figsize=(side + 0.6, side), layout="constrained")
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    if len(classes) <= WRITTEN:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.5: axis.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=7,
                                       color="white" if share > 65 else "black")
    axis.set_xticks(range(len(classes)), classes, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axis.set_yticks(range(len(classes)), classes, fontsize=8)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    figure.suptitle(f"% of each true class's pixels\n{title}", fontsize=9)
    return figure


def row_shares(confusion: np.ndarray) -> np.ndarray:
    "Rows that sum to one, `[true, predicted]`; nan for a class that doesn't occur."
    with np.errstate(invalid="ignore"): return confusion / confusion.sum(1, keepdims=True)


def class_bars(shares: pd.DataFrame, palette, title: str, digits: int = 2) -> Figure:
    "A bar for each class (rows), in the class's colour, and each of some shares (columns), the later the paler."
    figure, axis = plt.subplots(figsize=(9, 1.2 + 0.32 * len(shares)), layout="constrained")
    thickness = 0.8 / len(shares.columns)
    for number, name in enumerate(shares):
        places = np.arange(len(shares)) + number * thickness
        values = 100 * shares[name]
        bars = axis.barh(places, values.fillna(0), thickness, color=np.array(palette) / 255, alpha=1 - 0.35 * number,
                         edgecolor="0.3", linewidth=0.5)
        prefix = f"{name} " if len(shares.columns) > 1 else ""
        labels = ["absent" if np.isnan(value) else f"{prefix}{value:.{digits}f}" for value in values]
        axis.bar_label(bars, labels, padding=3, fontsize=7)
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
