"""What some minutes reach, beside one long training that is cut short: a table, and `docs/minutes.png`.

    python benchmarks/minutes.py docs/minutes.png --cut runs/camvid-40 --epoch-seconds 56 \\
        5=runs/camvid-5 10=runs/camvid-10

Runs are folders of `fit camvid` on the same frames. `MINUTES=RUN` are those of `--minutes`, each with the minutes that
its command took. `--cut` is the run with many epochs, `--epoch-seconds` how long one of its epochs takes where nothing
runs beside it.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from linknet_fastai.evaluation.result import describe_protocol, read_result
from linknet_fastai.reports.charts import save_figure
from linknet_fastai.runs.run import Run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+", metavar="MINUTES=RUN")
    parser.add_argument("--cut", type=Path, required=True)
    parser.add_argument("--epoch-seconds", type=float, required=True)
    arguments = parser.parse_args()
    runs = {float(minutes): Run.open(path) for minutes, path in (each.split("=", 1) for each in arguments.runs)}
    cut = Run.open(arguments.cut)
    reached = 100 * cut.history.miou.cummax()
    minutes = cut.history.epoch * arguments.epoch_seconds / 60
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    axis.plot(minutes, reached, color="C7", label=f"{len(cut.history)} epochs, cut short: the best so far")
    best = {spent: 100 * run.history.miou.max() for spent, run in runs.items()}
    axis.plot(best.keys(), best.values(), "o-", color="C0", label="--minutes")
    for spent, run in runs.items():
        height, width = run.recipe.size
        until = reached[minutes <= spent]
        print(f"| {spent:g} | {len(run.history)} epochs at {height}x{width} | {best[spent]:.1f} | "
              f"{until.max() if len(until) else 0:.1f} |")
        axis.annotate(f"{best[spent]:.1f}\n{len(run.history)} x {height}x{width}", (spent, best[spent]), (-4, 6),
                      textcoords="offset points", fontsize=8, ha="right")
    axis.set(xlabel="minutes", ylabel="validation mIoU, %", xscale="log", xticks=[1, 2, 5, 10, 20, 40, 80])
    axis.xaxis.set_major_formatter("{x:g}")
    axis.margins(y=0.15)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="lower right")
    axis.set_title(describe_protocol(read_result(cut).protocol), fontsize=9)
    save_figure(arguments.out, figure)


if __name__ == "__main__": main()
