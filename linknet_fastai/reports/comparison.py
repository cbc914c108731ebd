"Models side by side: Table 1 as Markdown, CSV, a page, and a chart."

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from ..errors import counted
from ..evaluation.result import describe_protocol
from ..files import write_csv, write_text
from ..images.grid import plain
from .charts import save_figure

SCORES = {"miou": "mIoU", "class_accuracy": "class accuracy", "dice": "Dice", "image_dice": "Dice an image, with void",
          "pixel_accuracy": "pixel accuracy"}
STYLE = ("body{font:16px/1.5 system-ui,sans-serif;margin:1rem}table{border-collapse:collapse}"
         "th,td{padding:.3rem .6rem;border:1px solid #ccc;text-align:right}")


def write_table(table: pd.DataFrame, epochs: pd.DataFrame, out: Path):
    """Write Table 1 to the folder `out`, as `table1.csv`, `.md`, `.html` and `.png`, and `epochs.csv`.

    `table` has a row a model and seeds, `epochs` the histories of the runs, with the columns `row` and `seed`.
    """
    write_csv(out / "table1.csv", table)
    write_csv(out / "epochs.csv", epochs)
    shown = readable(table)
    notes = _notes(table)
    text = f"# Table 1\n\n{notes}\n\n{_markdown(shown)}\n"
    write_text(out / "table1.md", text)
    page = (f"<!doctype html><html lang=en><meta charset=utf-8><title>Table 1</title><style>{STYLE}</style>"
            f"<h1>Table 1</h1><p>{notes}</p>{shown.to_html(index=False)}</html>\n")
    write_text(out / "table1.html", page)
    save_figure(out / "table1.png", plot(table, epochs))


def readable(table: pd.DataFrame) -> pd.DataFrame:
    "The columns of Table 1 for readers, as text: scores in %, costs in usual units."
    columns = {"model": table.model}
    for name, title in SCORES.items(): columns[title] = (100 * table[name]).map("{:.1f}".format)
    if table.seeds.max() > 1: columns["mIoU"] += (100 * table.miou_spread / 2).map(" ± {:.1f}".format)
    columns |= {"parameters, M": (table.parameters / 1e6).map("{:.3g}".format),
                "GFLOPs": table.gflops.map("{:.1f}".format),
                "s an epoch": table.epoch_seconds.map("{:.0f}".format),
                "ms an image": table.prediction_ms.map("{:.0f}".format),
                "encoder's start": table.weights, "published": table.published}
    return pd.DataFrame(columns)


def plot(table: pd.DataFrame, epochs: pd.DataFrame) -> Figure:
    """mIoU against what it costs: milliseconds an image, and minutes of training.

    A dot's area stands for the parameters. Arguments as for `write_table`.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharey=True)
    use, training = axes
    for number, row in enumerate(table.itertuples()):
        label = f"{row.model}: {100 * row.miou:.1f}, {row.parameters / 1e6:.3g} M"
        use.scatter(row.prediction_ms, 100 * row.miou, s=40 + 30 * row.parameters / 1e6, color=f"C{number}", alpha=0.6)
        first = epochs[(epochs.row == row.row) & (epochs.seed == 0)]
        training.plot(row.epoch_seconds * first.epoch / 60, 100 * first.miou, color=f"C{number}", label=label)
    for axis, cost in ((use, "ms an image"), (training, "minutes of training, first seed")):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
        axis.set_xlabel(cost)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    use.set_ylabel("mIoU, %")
    use.margins(x=0.2, y=0.1)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(plain(_protocol(table)), fontsize=9)
    return figure


def _notes(table: pd.DataFrame) -> str:
    chosen_by = "these frames" if table.split[0] == "val" else "the validation frames"
    spread = "; behind ± is half of the range over the seeds" if table.seeds.max() > 1 else ""
    return (f"Measured: {_protocol(table)}; the best epoch by {chosen_by}. Scores in %{spread}. Published figures are "
            "of other resolutions, mostly of the test frames, and of the kind that their column says: they can't be "
            "compared.")


def _protocol(table: pd.DataFrame) -> str:
    first = table.iloc[0]
    protocol = first.dropna().to_dict() | {"trained_on": f"{first.trained_on} at {first.trained_at}"}
    return (f"{describe_protocol(protocol)}; {counted(first.epochs, 'epoch')}, {counted(first.seeds, 'seed')}, "
            f"{first.machine}")


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
