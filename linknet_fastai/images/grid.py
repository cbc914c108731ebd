"Images beside their masks, in the dataset's palette."

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..errors import printable
from .format import displayed
from .mask import VOID, Palette

VOID_STRIPES = np.array([[236, 236, 236], [204, 204, 204]], dtype=np.uint8)  # of no dataset's palette
RIGHT, WRONG = (246, 246, 246), (214, 39, 40)  # RGB, of an error map
PANEL, LEGEND_ENTRY, TALLEST = 3.2, 1.3, 60.0  # inches
LEGEND_PATCH, LETTER, LEGEND_ROW = 0.7, 0.085, 0.2  # inches: a patch with the gaps beside it, a letter, a row
MOST_LISTED = 40  # classes in a legend
LONGEST = 60  # letters of a name in a figure


def plain(text: str) -> str:
    """Text from outside, such as a class's or a file's name, as matplotlib shows it letter by letter.

    To matplotlib a `$` begins a formula. Control characters are written out; lines stay.
    """
    return "\n".join(map(printable, text.split("\n"))).replace("$", r"\$")


def short(name: str) -> str:
    "`plain`, with an ellipsis in the middle of a name that is too long for a chart."
    name = printable(name)
    return plain(f"{name[:LONGEST // 2]}…{name[-LONGEST // 2:]}" if len(name) > LONGEST else name)


def colorize(mask: np.ndarray, palette: Palette) -> np.ndarray:
    "Classes `[H,W]` in the colors of `palette`, RGB uint8 `[H,W,3]`; what is no class is striped."
    rows, columns = np.indices(mask.shape)
    colored = VOID_STRIPES[(rows + columns) // max(4, mask.shape[0] // 40) % 2]
    known = mask < len(palette)
    colored[known] = np.array(palette, dtype=np.uint8)[mask[known]]
    return colored


def error_map(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    "Where classes `prediction` `[H,W]` differ from `truth` `[H,W]`, in red, as RGB uint8 `[H,W,3]`; void is striped."
    known = truth != VOID
    return colorize(np.where(known, truth != prediction, VOID), (RIGHT, WRONG))


@dataclass(frozen=True)
class GridLayout:
    """The figure's size in inches, and how many images are below and beside each other, by fastai's names.

    What is None is chosen by the number of images.
    """

    figsize: tuple[float, float] | None = None
    nrows: int | None = None
    ncols: int | None = None

    def shape(self, images: int, panels: int) -> tuple[int, int]:
        "Rows and columns for so many images of so many panels."
        if self.nrows and not self.ncols: return self.nrows, -(-images // self.nrows)
        ncols = self.ncols or (1 if panels > 2 else min(2, images))
        return self.nrows or -(-images // ncols), ncols


def image_grid(images, masks: dict, classes, palette: Palette, titles=None, errors: bool = False,
               layout: GridLayout = GridLayout()) -> Figure:
    """Images beside their masks, with a legend of the classes that occur.

    Args:
        images: `[N,C,H,W]`, in 0..255; of more than three channels the first three are shown.
        masks: a column's name to its classes `[N,h,w]`; may be empty.
        classes: their names.
        palette: their colors.
        titles: one an image.
        errors: whether a last column shows where the masks `truth` and `prediction` differ.
        layout: of the figure; images that don't fit into `nrows` x `ncols` are left out.
    """
    panels = 1 + len(masks) + errors
    down, across = layout.shape(len(images), panels)
    legend = _legend([mask for column in masks.values() for mask in column], classes, palette)
    if errors: legend.append(Patch(color=np.array(WRONG) / 255, label="wrong"))
    entry = max([LEGEND_ENTRY, *(LEGEND_PATCH + LETTER * len(patch.get_label()) for patch in legend)])
    height, width = images[0].shape[-2:]
    wide = layout.figsize[0] if layout.figsize else PANEL * across * panels
    ncols = max(1, int(wide / entry))
    tall = PANEL * height / width * down + LEGEND_ROW * (3 + -(-len(legend) // ncols))
    figsize = layout.figsize or (wide, min(TALLEST, tall))
    no_ticks = dict(xticks=[], yticks=[])  # the layout would measure those that aren't shown
    figure, axes = plt.subplots(down, across * panels, squeeze=False, subplot_kw=no_ticks, layout="constrained",
                                figsize=figsize)
    for axis in axes.flat: axis.set_axis_off()
    for i, row in enumerate(axes.reshape(-1, panels)[:len(images)]):
        row[0].imshow(displayed(_array(images[i]).astype(np.uint8).transpose(1, 2, 0)))
        row[0].set_title(plain(titles[i]) if titles is not None else "image", fontsize=9, loc="left")
        shown = {name: colorize(_array(column[i]), palette) for name, column in masks.items()}
        if errors: shown["errors"] = error_map(_array(masks["truth"][i]), _array(masks["prediction"][i]))
        for axis, (name, panel) in zip(row[1:], shown.items()):
            axis.imshow(panel, interpolation="nearest")
            axis.set_title(name, fontsize=9, loc="left")
    figure.legend(handles=legend, loc="outside lower center", frameon=False, fontsize=9, ncols=ncols)
    return figure


def _legend(masks: list, classes, palette: Palette) -> list[Patch]:
    "The classes that occur in the masks, of many those with the most pixels, and void."
    counts = sum(np.bincount(_array(mask).ravel(), minlength=256) for mask in masks) if masks else np.zeros(256, int)
    present = [c for c in np.flatnonzero(counts) if c < len(classes)]
    shown = sorted(sorted(present, key=lambda c: -counts[c])[:MOST_LISTED])
    legend = [Patch(color=np.array(palette[c]) / 255, label=short(classes[c])) for c in shown]
    if len(present) > len(shown): legend.append(Patch(alpha=0, label=f"and {len(present) - len(shown)} more"))
    if counts[len(classes):].any():
        face, edge = VOID_STRIPES / 255
        legend.append(Patch(facecolor=face, edgecolor=edge, hatch="///", label="void"))
    return legend


def _array(tensor) -> np.ndarray:
    return tensor if isinstance(tensor, np.ndarray) else np.asarray(tensor.detach().cpu())
