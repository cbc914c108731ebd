"One run, or several side by side, as a page that needs nothing but itself."

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from ..errors import UserError
from ..evaluation.result import Result, describe_protocol, is_same_truth, read_result
from ..files import write_text
from ..images.grid import WRONG
from ..images.mask import VOID_GRAY
from ..images.opening import open_image
from ..recipes import describe_setting
from ..runs.card import ModelCard
from ..runs.reading import damaged
from ..runs.run import Run
from .charts import MOST_ROWS, curves, normalize_rows, worst_confusions
from .gallery import Entry, Gallery
from .layers import errors_uri, figure_uri, file_uri, read_mask

ALIKE = 2  # of 255: by less do JPEGs of one image differ that two versions of a library wrote


@dataclass(frozen=True)
class NamedRun:
    "A run under the name that the page gives it, and what the page shows of it."

    name: str
    run: Run

    @cached_property
    def result(self) -> Result:
        "Its validation scores; `UserError` where they are of other classes than the model."
        result = read_result(self.run)
        if result.scores.classes != self.card.classes:
            raise damaged(self.run.path / "scores.json", "its classes are others than the model's")
        return result

    @cached_property
    def card(self) -> ModelCard:
        "Its model's card."
        return self.run.card

    @cached_property
    def entries(self) -> dict[str, Entry]:
        "The images of its gallery by name."
        gallery = Gallery(self.run.gallery)
        entries = gallery.entries()
        if any(set(entry.ious) != set(self.card.classes) for entry in entries):
            raise damaged(gallery.table_file, "its classes are others than the model's")
        return {entry.name: entry for entry in entries}

    @cached_property
    def settings(self) -> dict[str, str]:
        "Its recipe and machine by name, as text."
        config = self.run.config
        return {**{name: describe_setting(value) for name, value in config.recipe.items()},
                "device": config.machine["device"], "precision": config.machine["precision"],
                "training": f"{self.run.seconds / 60:.1f} min"}

    @property
    def protocol(self) -> str:
        "The protocol of its scores in one line."
        return describe_protocol(self.result.protocol)

    def is_comparable(self, other: "NamedRun") -> bool:
        "Whether the scores of both are of the same images and masks: else a difference says nothing of the models."
        if not is_same_truth(self.result.protocol, other.result.protocol): return False
        return self.scored_samples == other.scored_samples

    @cached_property
    def scored_samples(self) -> list[tuple[str, str, str]] | None:
        "The names and hashes of the validation images and masks; None where the run doesn't have them."
        if not self.run.samples_file.is_file(): return None
        samples = self.run.samples
        scored = samples[samples.split == "val"].drop(columns="split").sort_values("image")
        return list(scored.itertuples(index=False, name=None))

    @property
    def confusion(self) -> np.ndarray | None:
        "Its confusion matrix `[true, predicted]` with rows that sum to 1; None where it is too large to be read."
        return None if len(self.card.classes) > MOST_ROWS else normalize_rows(self.result.scores.confusion)

    @property
    def worst_confusions(self) -> list:
        "Those with the most pixels, a row each."
        return list(worst_confusions(self.result.scores.confusion, self.card.classes).itertuples())


def write_report(runs: list[Run], path: Path):
    """Write one page about the runs to `path`.

    It has scores with their protocol, settings, curves, confusions, classes, and the images, worst first. Several runs
    are compared on the images that all of them have, and their classes' scores where they are of the same images.
    `UserError` for a run that isn't scored, or runs of different classes.
    """
    named_runs = [NamedRun(name, run) for name, run in zip(_names(runs), runs)]
    first = named_runs[0]
    for each in named_runs:
        if not each.run.is_scored:
            raise UserError(f"{each.run.path}: has no validation score to report; is it finished, and trained without "
                            "`val`?")
        if each.card.classes != first.card.classes:
            raise UserError(f"{each.run.path}: has other classes than {first.run.path}; report them apart.")
    template = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined,
                           trim_blocks=True, lstrip_blocks=True).get_template("report.html.j2")
    page = template.render(runs=named_runs, classes=_class_rows(named_runs),
                           settings=setting_rows([each.settings for each in named_runs]),
                           images=[_image(name, named_runs) for name in _common_images(named_runs)],
                           curves=figure_uri(_curves(named_runs)),
                           void=f"rgb({VOID_GRAY} {VOID_GRAY} {VOID_GRAY})", wrong="rgb({} {} {})".format(*WRONG))
    write_text(path, page)


def _curves(named_runs: list[NamedRun]) -> Figure:
    compared_from = {each.name: each.run.config.compared_from for each in named_runs}
    return curves({each.name: each.run.history for each in named_runs}, "", compared_from)


def setting_rows(settings: list[dict[str, str]]) -> list[tuple[str, list[str]]]:
    "Each setting that a run has with its text in all of them, a dash where it isn't known: earlier versions had fewer."
    names = dict.fromkeys(name for each in settings for name in each)
    return [(name, [each.get(name, "–") for each in settings]) for name in names]


def _names(runs: list[Run]) -> list[str]:
    "The runs' folders by their own names, or by their paths where two have the same name."
    short = [run.path.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.path) for run in runs]


def _class_rows(named_runs: list[NamedRun]) -> list[dict]:
    "A row a class: its color, its frequency, and its scores in each run."
    tables = [each.result.scores.table() for each in named_runs]
    card = named_runs[0].card
    return [{"name": name, "color": "rgb({} {} {})".format(*color), "frequency": tables[0].frequency[name],
             "scores": [table.loc[name] for table in tables]}
            for name, color in zip(card.classes, card.palette)]


def _common_images(named_runs: list[NamedRun]) -> list[str]:
    "The images that all runs have, by the lowest mIoU that a run has on them."
    first, *others = (each.entries for each in named_runs)
    names = [name for name in first if all(name in other and _is_one_image(first[name], other[name])
                                           for other in others)]
    return sorted(names, key=lambda name: min(each.entries[name].miou for each in named_runs))


def _is_one_image(one: Entry, other: Entry) -> bool:
    "Whether two galleries show one image: other films, too, have a `0001.png`."
    with open_image(one.image) as image, open_image(other.image) as another:
        if image.size != another.size: return False
        difference = np.abs(np.subtract(*(np.asarray(each.convert("RGB"), int) for each in (image, another)))).mean()
    return difference < ALIKE and np.array_equal(read_mask(one.truth), read_mask(other.truth))


def _image(name: str, named_runs: list[NamedRun]) -> dict:
    "What the page shows of an image: its files as layers, its scores in each run, and each class's lowest IoU."
    first, classes = named_runs[0].entries[name], named_runs[0].card.classes
    truth, image = read_mask(first.truth), open_image(first.image)
    layers = [("truth", "Truth", file_uri(first.truth))]
    for number, each in enumerate(named_runs):
        prediction, suffix = each.entries[name].prediction, f" {each.name}" if len(named_runs) > 1 else ""
        errors = errors_uri(truth, read_mask(prediction, truth.size), len(classes))
        layers += [(f"prediction{number}", f"Prediction{suffix}", file_uri(prediction)),
                   (f"errors{number}", f"Errors{suffix}", errors)]
    ious = [lowest([each.entries[name].ious[label] for each in named_runs]) for label in classes]
    return {"name": name, "width": image.width, "height": image.height, "image": file_uri(first.image),
            "layers": layers, "mious": [each.entries[name].miou for each in named_runs], "ious": ious}


def lowest(ious: list[float]) -> float | None:
    "The lowest of those that there are; None where all are nan."
    return min((iou for iou in ious if not np.isnan(iou)), default=None)
