"What an evaluation finds: scores, the protocol that they were taken by, and their interval."

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..runs.reading import Count, read_json, validate
from ..runs.run import Run
from .scores import Scores
from .views import VIEWS, describe_views

RESAMPLES, LEVEL = 1000, 0.95
TRUTH = ("name", "split", "images", "resolution", "classes", "void", "data")  # of a protocol: what is to be found
PROTOCOL = ("name", "split", "images", "resolution", "classes", "void", "trained_on")  # what every protocol says
BENCHMARK = ("class_iou", "class_iiou", "category_iou", "category_iiou")  # the means of the Cityscapes benchmark


@dataclass(frozen=True)
class Result:
    """Scores under their protocol.

    `protocol` says what they were taken on (`protocol_of`). `interval` is that of the mIoU (`miou_interval`).
    `cityscapes` is what `cityscapes_scores` gives, for that dataset. `boundary` are the scores of the pixels within
    `protocol["boundary"]` pixels of another class.
    """

    scores: Scores
    protocol: dict
    interval: tuple[float, float]
    cityscapes: dict | None = None
    boundary: Scores | None = None

    def table(self) -> pd.DataFrame:
        "A row a class and one of their means: `iou`, `accuracy`, `dice`, `frequency`, from 0 to 1."
        means = {"iou": self.scores.miou, "accuracy": self.scores.class_accuracy, "dice": self.scores.dice}
        table = pd.concat([self.scores.table(), pd.DataFrame(means, index=pd.Index(["mean"], name="class"))])
        if self.boundary is not None: table["boundary_iou"] = [*self.boundary.class_iou, self.boundary.miou]
        return table

    def to_json(self) -> dict:
        "All of it in what JSON can hold."
        content = {"protocol": self.protocol, "scores": self.scores.summary(), "interval": {"miou": self.interval},
                   "confusion": self.scores.confusion.tolist(),
                   "classes": self.scores.table().reset_index().to_dict("records")}
        if self.cityscapes is not None: content["cityscapes"] = self.cityscapes
        if self.boundary is not None:
            content["boundary"] = {"scores": self.boundary.summary(), "confusion": self.boundary.confusion.tolist()}
        return content

    @classmethod
    def from_file(cls, content: "ResultFile") -> "Result":
        "What `to_json` gave."
        classes = [row["class"] for row in content.classes]
        def scores(of: "ResultFile | BoundaryFile"): return Scores.from_lists(of.confusion, classes)
        return cls(scores(content), content.protocol, _numbers(content.interval["miou"]), content.cityscapes,
                   content.boundary and scores(content.boundary))


@dataclass(frozen=True)
class BoundaryFile:
    "Of `Result.to_json`: the boundary's scores."

    confusion: list[list[Count]]


@dataclass(frozen=True)
class ResultFile:
    "`Result.to_json` as it is read back; the scores themselves are computed again. `ValueError` where it is damaged."

    protocol: dict[str, str | Count]
    interval: dict[str, tuple[float | None, float | None]]
    confusion: list[list[Count]]
    classes: list[dict[str, str | float | None]]
    cityscapes: dict[str, float | None | dict[str, dict[str, float | None]]] | None = None
    boundary: BoundaryFile | None = None

    def __post_init__(self):
        _require(self.protocol, PROTOCOL)
        _require(self.interval, ("miou",))
        if self.cityscapes is not None: _require(self.cityscapes, BENCHMARK)
        if self.boundary is not None: _require(self.protocol, ("boundary",))
        if (tta := self.protocol.get("tta")) not in {None, *VIEWS}: raise ValueError(f"{tta} is no known tta")
        names = [row.get("class") for row in self.classes]
        if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise ValueError("its classes have no names of their own")
        for matrix in (self.confusion, *([self.boundary.confusion] if self.boundary else [])):
            if [len(row) for row in matrix] != [len(names)] * len(names):
                raise ValueError(f"a confusion matrix is not {len(names)}x{len(names)}")


def _require(content: dict, names: tuple[str, ...]):
    for name in names:
        if name not in content: raise ValueError(f"{name} is missing")


def write_result(run: Run, name: str, result: Result):
    "Write `NAME.json` with everything to the run folder, and `NAME.csv`: a row a class, each with the protocol."
    run.write_json(f"{name}.json", result.to_json())
    run.write_csv(f"{name}.csv", result.table().reset_index().assign(**result.protocol))


def read_result(run: Run, name: str = "scores") -> Result:
    "What `write_result` wrote as `NAME.json`; `UserError` where it is missing or damaged."
    path = run.path / f"{name}.json"
    return Result.from_file(validate(ResultFile, read_json(path), path))


def _numbers(values: list) -> tuple[float, ...]:
    "JSON has null for nan."
    return tuple(np.nan if value is None else value for value in values)


def describe_protocol(protocol: dict) -> str:
    "A protocol in one line, to stand beside its figures."
    line = (f"{protocol['name']}, {protocol['split']}: {protocol['images']} images at {protocol['resolution']}, "
            f"{protocol['classes']} classes, void {protocol['void']}, trained on {protocol['trained_on']}")
    if "predicted_at" in protocol: line += f", predicted at {protocol['predicted_at']}"
    if "data" in protocol: line += f", on the data in {protocol['data']}"
    if "program" in protocol: line += f", by {protocol['program']}"
    if "tiles" in protocol: line += f", by tiles of {protocol['tiles']}"
    if "tta" in protocol: line += f", averaged over {describe_views(protocol['tta'])}"
    return line


def is_same_truth(protocol: dict, other: dict) -> bool:
    "Whether two protocols are of the same images and masks, however these were predicted."
    return all(protocol.get(name) == other.get(name) for name in TRUTH)


def miou_interval(matrices: np.ndarray, classes: tuple[str, ...], seed: int = 0) -> tuple[float, float]:
    """95 % interval (low, high) of the mIoU, from 1000 resamples of the images' confusion matrices `[N,C,C]`.

    The percentile bootstrap (Efron & Tibshirani 1993, ch. 13): how far the score would move with other images of the
    same kind. Frames of one film are alike, so of films the true interval is wider. A class that a resample lacks has
    its IoU over all images there, so that every resample is a mean over the same classes. (nan, nan) of a single image,
    which says nothing of others, and where no image has a class.
    """
    count, overall = len(matrices), Scores(matrices.sum(0), classes).class_iou
    known = ~np.isnan(overall)
    if count == 1 or not known.any(): return np.nan, np.nan
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    sums = drawn.astype(float) @ matrices.reshape(count, -1)  # exact: below 2^53
    resampled = sums.reshape(RESAMPLES, *matrices.shape[1:])
    ious = np.stack([Scores(confusion, classes).class_iou for confusion in resampled])
    mious = np.where(np.isnan(ious), overall, ious)[:, known].mean(1)
    low, high = np.quantile(mious, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
