"Table 1 as Markdown, CSV, a page, and a plot."

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ..files import written_whole
from .figures import save_figure
from .result import described

SHARES = {"miou": "mIoU", "class_accuracy": "class accuracy", "dice": "Dice", "picture_dice": "Dice a picture, with void",
          "pixel_accuracy": "pixel accuracy"}


def write_table(table: pd.DataFrame, out: Path):
    "`table1.csv` with every column, `table1.md` and `.html` for readers, and `table1.png`: mIoU against milliseconds a picture."
    with written_whole(out / "table1.csv") as file: table.to_csv(file, index=False)
    shown = readable(table)
    notes = _notes(table)
    with written_whole(out / "table1.md") as file: file.write_text(f"# Table 1\n\n{notes}\n\n{_markdown(shown)}\n", encoding="utf-8")
    page = ("<!doctype html><html lang=en><meta charset=utf-8><title>Table 1</title><style>body{font:16px/1.5 system-ui,sans-serif;"
            "margin:1rem}table{border-collapse:collapse}th,td{padding:.3rem .6rem;border:1px solid #ccc;text-align:right}"
            f"</style><h1>Table 1</h1><p>{notes}</p>{shown.to_html(index=False)}</html>\n")
    with written_whole(out / "table1.html") as file: file.write_text(page, encoding="utf-8")
    save_figure(out / "table1.png", plot(table))


def readable(table: pd.DataFrame) -> pd.DataFrame:
    "Scores in %, costs in usual units, as text."
    columns = {"network": table.network}
    for name, title in SHARES.items(): columns[title] = (100 * table[name]).map("{:.1f}".format)
    if table.seeds.max() > 1: columns["mIoU"] += (100 * table.miou_spread / 2).map(" ± {:.1f}".format)
    columns |= {"parameters, M": (table.parameters / 1e6).map("{:.3g}".format), "GFLOPs": table.gflops.map("{:.1f}".format),
                "s an epoch": table.epoch_seconds.map("{:.0f}".format), "ms a picture": table.prediction_ms.map("{:.0f}".format),
                "encoder's start": table.weights, "published": table.published}
    return pd.DataFrame(columns)


def plot(table: pd.DataFrame) -> Figure:
    "mIoU against milliseconds a picture; the dot's area says how many parameters."
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for number, row in enumerate(table.itertuples()):
        axis.scatter(row.prediction_ms, 100 * row.miou, s=40 + 30 * row.parameters / 1e6, color=f"C{number}", alpha=0.6)
        axis.annotate(f"{row.network}, {row.parameters / 1e6:.3g} M", (row.prediction_ms, 100 * row.miou), xytext=(8, 8),
                      textcoords="offset points", fontsize=9)
    axis.set_xscale("log")
    axis.margins(x=0.25, y=0.2)
    axis.set_xlabel(f"ms a picture, {table.machine[0]}")
    axis.set_ylabel("mIoU, %")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(described(table.iloc[0].to_dict()), fontsize=9)
    return figure


def _notes(table: pd.DataFrame) -> str:
    first = table.iloc[0]
    return (f"Measured: {described(first.to_dict())}; {first.epochs} epochs, the best one by these frames, {first.seeds} seed(s), "
            f"{first.machine}. Scores in %. Published figures are of other resolutions, mostly of the test frames, and of the kind that "
            "their column says: they can't be compared.")


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
