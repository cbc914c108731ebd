"One run, or several side by side, as a page that needs nothing but itself."

import base64
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from ..errors import UserError
from ..evaluation.result import Result, describe_protocol, read_result
from ..files import atomic_write
from ..image_grid import WRONG
from ..images import VOID_GRAY
from ..runs.run import Run
from ..runs.weights import ModelCard
from .charts import curves, normalize_rows
from .gallery import Entry, Gallery

RIGHT_INDEX, WRONG_INDEX, VOID_INDEX = 0, 1, 2  # of an error map


@dataclass(frozen=True)
class NamedRun:
    "A run under the name that the page gives it."

    name: str
    run: Run

    @cached_property
    def result(self) -> Result:
        return read_result(self.run)

    @cached_property
    def card(self) -> ModelCard:
        return self.run.card

    @cached_property
    def entries(self) -> dict[str, Entry]:
        return {entry.name: entry for entry in Gallery(self.run.gallery).entries()}

    @cached_property
    def settings(self) -> dict[str, str]:
        config = self.run.config
        return {**{name: _describe(value) for name, value in config.recipe.items()},
                "device": config.machine["device"], "precision": config.machine["precision"],
                "training": f"{self.run.seconds / 60:.1f} min"}

    @property
    def protocol(self) -> str:
        return describe_protocol(self.result.protocol)

    @property
    def confusion(self) -> np.ndarray:
        return normalize_rows(self.result.scores.confusion)


def write_report(runs: list[Run], path: Path):
    """The page, to `path`: scores with their protocol, settings, curves, confusions, classes, and the images worst first.

    Several runs are compared on the images that all of them have. `UserError` for a run that isn't scored, or runs of
    different classes.
    """
    named = [NamedRun(name, run) for name, run in zip(_names(runs), runs)]
    for each in named:
        if not each.run.is_scored:
            raise UserError(f"{each.run.path}: has no validation score to report; is it finished, and trained without `val`?")
        if each.card.classes != named[0].card.classes:
            raise UserError(f"{each.run.path}: has other classes than {named[0].run.path}; report them apart.")
    template = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined,
                           trim_blocks=True, lstrip_blocks=True).get_template("report.html.j2")
    page = template.render(runs=named, classes=_class_rows(named), images=[_image(name, named) for name in _shared(named)],
                           curves=_svg(curves({each.name: each.run.history for each in named}, "")),
                           void=f"rgb({VOID_GRAY} {VOID_GRAY} {VOID_GRAY})", wrong="rgb({} {} {})".format(*WRONG))
    with atomic_write(path) as file: file.write_text(page, encoding="utf-8")


def _names(runs: list[Run]) -> list[str]:
    short = [run.path.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.path) for run in runs]


def _class_rows(named: list[NamedRun]) -> list[dict]:
    "A row a class: its color, its frequency, and its scores in each run."
    tables = [each.result.scores.table() for each in named]
    return [{"name": name, "color": "rgb({} {} {})".format(*color), "frequency": tables[0].frequency[name],
             "scores": [table.loc[name] for table in tables]}
            for name, color in zip(named[0].card.classes, named[0].card.palette)]


def _shared(named: list[NamedRun]) -> list[str]:
    "The images that all runs have, by the lowest mIoU that a run has on them."
    names = set.intersection(*(set(each.entries) for each in named))
    return sorted(names, key=lambda name: min(each.entries[name].miou for each in named))


def _image(name: str, named: list[NamedRun]) -> dict:
    first = named[0].entries[name]
    several = len(named) > 1
    truth = Image.open(first.truth)
    layers = [("truth", "Truth", _data(first.truth))]
    for number, each in enumerate(named):
        entry, suffix = each.entries[name], f" {each.name}" if several else ""
        layers += [(f"prediction{number}", f"Prediction{suffix}", _data(entry.prediction)),
                   (f"errors{number}", f"Errors{suffix}", _errors(truth, Image.open(entry.prediction), len(each.card.classes)))]
    ious = [min((each.entries[name].ious[label] for each in named), default=None) for label in named[0].card.classes]
    return {"name": name, "width": truth.width, "height": truth.height, "image": _data(first.image), "layers": layers,
            "mious": [each.entries[name].miou for each in named], "ious": [None if np.isnan(iou) else iou for iou in ious]}


def _errors(truth: Image.Image, prediction: Image.Image, num_classes: int) -> str:
    "Wrong pixels in red, void in gray, the rest transparent."
    true, given = np.asarray(truth), np.asarray(prediction)
    kinds = np.where(true >= num_classes, VOID_INDEX, np.where(true == given, RIGHT_INDEX, WRONG_INDEX)).astype(np.uint8)
    image = Image.fromarray(kinds).convert("P")
    image.putpalette([255, 255, 255, *WRONG, *[VOID_GRAY] * 3])
    content = io.BytesIO()
    image.save(content, format="PNG", transparency=RIGHT_INDEX)
    return _uri("image/png", content.getvalue())


def _data(path: Path) -> str:
    "A run may be a stranger's: what a link leads to stays out of a page that is passed on."
    if path.is_symlink() or path.parent.is_symlink():
        raise UserError(f"{path}: is a link, and a report takes only what is in the run itself; put the file there.")
    return _uri("image/jpeg" if path.suffix == ".jpg" else "image/png", path.read_bytes())


def _svg(figure: Figure) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="svg")
    plt.close(figure)
    return _uri("image/svg+xml", content.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _describe(value) -> str:
    if isinstance(value, bool): return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
