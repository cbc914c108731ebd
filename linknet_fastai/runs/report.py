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
from ..files import written_whole
from ..pictures import VOID_GREY
from .figures import curves, row_shares
from .gallery import Entry
from .result import Result, described
from .run import Run
from .sheets import WRONG
from .weights import ModelCard

RIGHT_INDEX, WRONG_INDEX, VOID_INDEX = 0, 1, 2  # of a picture of errors


@dataclass(frozen=True)
class Told:
    "A run under the name that the page gives it."

    name: str
    run: Run

    @cached_property
    def result(self) -> Result:
        return self.run.result()

    @cached_property
    def card(self) -> ModelCard:
        return self.run.card

    @cached_property
    def entries(self) -> dict[str, Entry]:
        return {entry.name: entry for entry in self.run.gallery.entries()}

    @cached_property
    def settings(self) -> dict[str, str]:
        config = self.run.config
        return {**{name: _words(value) for name, value in config.recipe.items()},
                "device": config.machine["device"], "precision": config.machine["precision"],
                "training": f"{self.run.seconds / 60:.1f} min"}

    @property
    def protocol(self) -> str:
        return described(self.result.protocol)

    @property
    def confusion(self) -> np.ndarray:
        return row_shares(self.result.scores.confusion)


def write_report(runs: list[Run], path: Path):
    """The page, to `path`: scores with their protocol, settings, curves, confusions, classes, and the pictures worst first.

    Several runs are compared on the pictures that all of them have. `UserError` for a run that isn't scored, or runs of
    different classes.
    """
    told = [Told(name, run) for name, run in zip(_names(runs), runs)]
    for each in told:
        if not each.run.is_scored:
            raise UserError(f"{each.run.path}: has no validation score to report; is it finished, and trained without `val`?")
        if each.card.classes != told[0].card.classes:
            raise UserError(f"{each.run.path}: has other classes than {told[0].run.path}; report them apart.")
    template = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined,
                           trim_blocks=True, lstrip_blocks=True).get_template("report.html.j2")
    page = template.render(runs=told, classes=_class_rows(told), pictures=[_picture(name, told) for name in _shared(told)],
                           curves=_svg(curves({each.name: each.run.history for each in told}, "")),
                           void=f"rgb({VOID_GREY} {VOID_GREY} {VOID_GREY})", wrong="rgb({} {} {})".format(*WRONG))
    with written_whole(path) as file: file.write_text(page, encoding="utf-8")


def _names(runs: list[Run]) -> list[str]:
    short = [run.path.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.path) for run in runs]


def _class_rows(told: list[Told]) -> list[dict]:
    "A row a class: its colour, its share, and its scores in each run."
    tables = [each.result.scores.table() for each in told]
    return [{"name": name, "colour": "rgb({} {} {})".format(*colour), "share": tables[0].share[name],
             "scores": [table.loc[name] for table in tables]}
            for name, colour in zip(told[0].card.classes, told[0].card.palette)]


def _shared(told: list[Told]) -> list[str]:
    "The pictures that all runs have, by the lowest mIoU that a run has on them."
    names = set.intersection(*(set(each.entries) for each in told))
    return sorted(names, key=lambda name: min(each.entries[name].miou for each in told))


def _picture(name: str, told: list[Told]) -> dict:
    first = told[0].entries[name]
    several = len(told) > 1
    truth = Image.open(first.truth)
    layers = [("truth", "Truth", _data(first.truth))]
    for number, each in enumerate(told):
        entry, suffix = each.entries[name], f" {each.name}" if several else ""
        layers += [(f"prediction{number}", f"Prediction{suffix}", _data(entry.prediction)),
                   (f"errors{number}", f"Errors{suffix}", _errors(truth, Image.open(entry.prediction), len(each.card.classes)))]
    ious = [min((each.entries[name].ious[label] for each in told), default=None) for label in told[0].card.classes]
    return {"name": name, "width": truth.width, "height": truth.height, "image": _data(first.image), "layers": layers,
            "mious": [each.entries[name].miou for each in told], "ious": [None if np.isnan(iou) else iou for iou in ious]}


def _errors(truth: Image.Image, prediction: Image.Image, classes: int) -> str:
    "Wrong pixels in red, void in grey, the rest transparent."
    true, given = np.asarray(truth), np.asarray(prediction)
    kinds = np.where(true >= classes, VOID_INDEX, np.where(true == given, RIGHT_INDEX, WRONG_INDEX)).astype(np.uint8)
    picture = Image.fromarray(kinds).convert("P")
    picture.putpalette([255, 255, 255, *WRONG, *[VOID_GREY] * 3])
    content = io.BytesIO()
    picture.save(content, format="PNG", transparency=RIGHT_INDEX)
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


def _words(value) -> str:
    if isinstance(value, bool): return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
