"Images beside their masks, in the dataset's palette."

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .images import VOID

VOID_STRIPES = np.array([[236, 236, 236], [204, 204, 204]], dtype=np.uint8)  # of no dataset's palette
RIGHT, WRONG = (246, 246, 246), (214, 39, 40)
PANEL, LEGEND_ENTRY = 3.2, 1.3  # inches


def colorize(mask: np.ndarray, palette) -> np.ndarray:
    "Classes `[H,W]` to RGB uint8 `[H,W,3]`; what is no class is striped."
    rows, columns = np.indices(mask.shape)
    colored = VOID_STRIPES[(rows + columns) // max(4, mask.shape[0] // 40) % 2]
    known = mask < len(palette)
    colored[known] = np.array(palette, dtype=np.uint8)[mask[known]]
    return colored


def error_map(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    "Where `prediction` `[H,W]` is wrong, as RGB uint8 `[H,W,3]`: void is striped as in `colorize`."
    known = truth != VOID
    return colorize(np.where(known, truth != prediction, VOID), (RIGHT, WRONG))


def image_grid(images, masks: dict, classes, palette, titles=None, errors: bool = False) -> Figure:
    """Images beside their masks, with a legend of the classes that occur.

    `images` `[N,3,H,W]` in 0..255; `masks` takes a column's name to `[N,h,w]`; `titles` has one an image.
    With `errors` the last column shows where `truth` and `prediction` differ.
    """
    panels = 1 + len(masks) + errors
    across = 1 if panels > 2 else min(2, len(images))  # samples stand two in a row
    down = -(-len(images) // across)
    height, width = images[0].shape[-2:]
    figure, axes = plt.subplots(down, across * panels, squeeze=False, layout="constrained",
                                figsize=(PANEL * across * panels, PANEL * height / width * down + 0.8))
    for axis in axes.flat: axis.set_axis_off()
    for i, row in enumerate(axes.reshape(-1, panels)[:len(images)]):
        row[0].imshow(_array(images[i]).astype(np.uint8).transpose(1, 2, 0))
        row[0].set_title(titles[i] if titles is not None else "image", fontsize=9, loc="left")
        shown = {name: colorize(_array(column[i]), palette) for name, column in masks.items()}
        if errors: shown["errors"] = error_map(_array(masks["truth"][i]), _array(masks["prediction"][i]))
        for axis, (name, panel) in zip(row[1:], shown.items()):
            axis.imshow(panel, interpolation="nearest")
            axis.set_title(name, fontsize=9, loc="left")
    present = np.unique(np.concatenate([np.unique(_array(mask)) for column in masks.values() for mask in column]))
    legend = [Patch(color=np.array(palette[c]) / 255, label=classes[c]) for c in present if c < len(classes)]
    if present[-1] >= len(classes):
        legend.append(Patch(facecolor=VOID_STRIPES[0] / 255, edgecolor=VOID_STRIPES[1] / 255, hatch="///", label="void"))
    if errors: legend.append(Patch(color=np.array(WRONG) / 255, label="wrong"))
    figure.legend(handles=legend, loc="outside lower center", frameon=False, fontsize=9,
                  ncols=max(1, int(PANEL * across * panels / LEGEND_ENTRY)))
    return figure


def _array(tensor) -> np.ndarray:
    return tensor if isinstance(tensor, np.ndarray) else np.asarray(tensor.detach().cpu())
