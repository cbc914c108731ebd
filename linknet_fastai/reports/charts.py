"Charts of a run: its curves, its scores by class, its confusion matrix."

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..files import atomic_write
from ..images.grid import plain, short
from ..images.mask import Palette

MOST_NUMBERED = 25  # classes in a confusion matrix with numbers: of more they would be too small to read
MOST_ROWS = 40  # classes in a chart, or confusions: of more nobody reads all, and drawing takes gigabytes
DPI, LARGEST = 120, 8000  # pixels an inch; pixels of a figure's longer side
COMPRESSION = 1  # of PNG: images in it take half a second more to be a fifth smaller


def curves(histories: dict[str, pd.DataFrame], title: str, compared_from: Mapping[str, int] = {}) -> Figure:
    """Loss, validation mIoU and learning rate by epoch, of runs each in a color; the best epoch is marked.

    Args:
        histories: a row an epoch, by the run's name.
        title: above the chart.
        compared_from: how many epochs were on other data, by the run's name: the best is one of those after them.
    """
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    for number, (name, history) in enumerate(histories.items()):
        prefix = f"{short(name)}: " if len(histories) > 1 else ""
        _draw_curves(axes, history, f"C{number}", prefix, compared_from.get(name, 0))
    for axis, name in zip(axes, ("loss", "validation mIoU, %", "learning rate at the epoch's end")):
        axis.set_title(name)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        named = [line for line in axis.get_lines() if not line.get_label().startswith("_child")]
        if named: axis.legend(handles=named, frameon=False, fontsize=9)
    figure.suptitle(plain(title), fontsize=10)
    return figure


def _draw_curves(axes, history: pd.DataFrame, color: str, name: str, compared_from: int):
    loss, score, lr = axes
    loss.plot(history.epoch, history.train_loss, "--", color=color, label=f"{name}training")
    if history.valid_loss.notna().any():
        loss.plot(history.epoch, history.valid_loss, color=color, label=f"{name}validation")
    if history.miou.notna().any(): score.plot(history.epoch, 100 * history.miou, color=color)
    compared = history.miou[compared_from:]
    if compared.notna().any():
        best = compared.idxmax()
        score.plot(history.epoch[best], 100 * history.miou[best], "o", color=color,
                   label=f"{name}best {100 * history.miou[best]:.1f}, epoch {history.epoch[best]}")
    if compared_from:
        score.axvline(compared_from + 0.5, color=color, linestyle=":", label=f"{name}other data from here on")
    lr.plot(history.epoch, history.lr, color=color)


def confusion_chart(confusion: np.ndarray, classes: tuple[str, ...], title: str, normalize: bool = True,
                    figsize: tuple[float, float] | None = None) -> Figure:
    """A confusion matrix as a chart: as what each true class's pixels were predicted.

    Of more than 40 classes the 40 worst confusions are shown, as bars.

    Args:
        confusion: pixels `[true, predicted]`.
        classes: their names.
        title: above the chart.
        normalize: write % of each true class's pixels, not their number.
        figsize: of the figure, in inches; by the number of classes if not given.
    """
    if len(classes) > MOST_ROWS: return _worst_confusions_chart(confusion, classes, title, figsize)
    percentages, names = 100 * normalize_rows(confusion), list(map(short, classes))
    side = 2.2 + (0.42 if normalize else 0.62) * len(classes)
    figure, axis = plt.subplots(figsize=figsize or (side + 0.6, side), layout="constrained")
    axis.imshow(percentages, cmap="Blues", vmin=0, vmax=100)
    if len(classes) <= MOST_NUMBERED:
        for (row, column), value in np.ndenumerate(percentages):
            text = f"{value:.0f}" if normalize else f"{confusion[row, column]:.3g}"
            if np.isnan(value) or text == "0": continue
            axis.text(column, row, text, ha="center", va="center", fontsize=7,
                      color="white" if value > 65 else "black")
    axis.set_xticks(range(len(classes)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axis.set_yticks(range(len(classes)), names, fontsize=8)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    unit = "% of each true class's pixels" if normalize else "pixels"
    figure.suptitle(plain(f"{unit}\n{title}"), fontsize=9)
    return figure


def worst_confusions(confusion: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """The 40 confusions with the most pixels: `true` and `predicted` names, `pixels`, `frequency`.

    `confusion` are pixels `[true, predicted]`; the frequency is that among the true class's pixels. Fewer where there
    are no more.
    """
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    places = np.argsort(-wrong, axis=None, kind="stable")[:MOST_ROWS]
    true, predicted = np.unravel_index(places, wrong.shape)
    table = pd.DataFrame({"true": [classes[i] for i in true], "predicted": [classes[i] for i in predicted],
                          "pixels": wrong[true, predicted], "frequency": normalize_rows(confusion)[true, predicted]})
    return table[table.pixels > 0]


def _worst_confusions_chart(confusion: np.ndarray, classes: tuple[str, ...], title: str,
                            figsize: tuple[float, float] | None) -> Figure:
    table = worst_confusions(confusion, classes)
    figure, axis = plt.subplots(figsize=figsize or (9, 1.6 + 0.24 * len(table)), layout="constrained")
    bars = axis.barh(range(len(table)), 100 * table.frequency, color="C0")
    amounts = [f"{100 * part:.0f} %, {pixels:.3g} pixels" for part, pixels in zip(table.frequency, table.pixels)]
    axis.bar_label(bars, amounts, padding=3, fontsize=7)
    axis.set_yticks(range(len(table)), [f"{short(true)} > {short(predicted)}"
                                        for true, predicted in zip(table.true, table.predicted)], fontsize=7)
    axis.invert_yaxis()
    axis.margins(x=0.25, y=0.01)
    axis.set_xlabel("% of the true class's pixels")
    axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(plain(f"true > predicted: the {len(table)} confusions with the most pixels, of {len(classes)} "
                          f"classes\n{title}"), fontsize=9)
    return figure


def normalize_rows(confusion: np.ndarray) -> np.ndarray:
    "A confusion matrix `[true, predicted]` with rows that sum to 1; nan for a class that doesn't occur."
    with np.errstate(invalid="ignore"): return confusion / confusion.sum(1, keepdims=True)


def class_bars(table: pd.DataFrame, palette: Palette, title: str, digits: int = 2) -> Figure:
    """A bar for each class (row) and column, in the class's color, the later columns the paler.

    Of more than 40 classes those with the lowest values in the first column are shown.

    Args:
        table: values from 0 to 1, nan where a class is absent.
        palette: a color a class.
        title: above the chart.
        digits: behind the point of each bar's percentage.
    """
    palette = np.array(palette)
    if len(table) > MOST_ROWS:
        lowest = np.sort(np.argsort(table.iloc[:, 0].to_numpy(), kind="stable")[:MOST_ROWS])  # nan last
        title = f"{title}\nthe {MOST_ROWS} lowest of {len(table)} classes"
        table, palette = table.iloc[lowest], palette[lowest]
    figure, axis = plt.subplots(figsize=(9, 1.2 + 0.32 * len(table)), layout="constrained")
    thickness = 0.8 / len(table.columns)
    for number, name in enumerate(table):
        places = np.arange(len(table)) + number * thickness
        values = 100 * table[name]
        bars = axis.barh(places, values.fillna(0), thickness, color=palette / 255, alpha=1 - 0.35 * number,
                         edgecolor="0.3", linewidth=0.5)
        prefix = f"{name} " if len(table.columns) > 1 else ""
        labels = ["absent" if np.isnan(value) else f"{prefix}{value:.{digits}f}" for value in values]
        axis.bar_label(bars, labels, padding=3, fontsize=7)
    axis.set_yticks(np.arange(len(table)) + 0.4 - thickness / 2, list(map(short, table.index)))
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.set_xlabel("%")
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(plain(title), fontsize=10, loc="left")
    return figure


def save_figure(path: Path, figure: Figure) -> Path:
    "Write a figure as a PNG to `path`, and close it; `path`. `UserError` where it can't be written."
    dpi = min(DPI, LARGEST / max(figure.get_size_inches()))
    with atomic_write(path) as file, without_glyph_warnings():
        figure.savefig(file, dpi=dpi, format="png", pil_kwargs=dict(compress_level=COMPRESSION))
    plt.close(figure)
    return path


@contextmanager
def without_glyph_warnings() -> Iterator[None]:
    "A name may have letters that matplotlib's font hasn't: they are boxes, and no lines on the terminal."
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield
