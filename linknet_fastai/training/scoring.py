"A run's scores on a split of its data."

from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from ..datasets import open_dataset
from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..networks.precision import Machine, prepare
from ..runs.result import Result, miou_interval
from ..runs.run import Run
from ..runs.scores import Scores
from .batches import SegmentationDataLoaders, SegmentationDL, evaluation_batches
from .benchmark import Things, benchmark_scores
from .boundary import Borders
from .evaluation import Mirrored, evaluate
from .learner import SegmentationLearner, linknet_learner
from .recipes import Recipe

TTA = ("flip",)


def score_split(path: str | Path, split: str, machine: Machine, data: Path | None = None, tta: str | None = None,
                boundary: int | None = None) -> Result:
    """Score the run at `path` on a split of its data set, from the folder `data` or where it was; as `scores-SPLIT`.

    `tta="flip"` predicts from each picture and its mirror image. `boundary` also scores within so many pixels of another class.
    """
    if tta is not None and tta not in TTA:
        raise UserError(f"test-time augmentation {tta!r} is unknown; there is {', '.join(TTA)}.")
    if boundary is not None and boundary < 1: raise UserError(f"a band of {boundary} pixels holds none; pass 1 or more.")
    run = Run.open(path)
    model, dataset, dl = reopened(run, split, machine, data)
    result, _ = score(model, run, dataset, split, dl, tta, boundary)
    run.write_result(f"scores-{split}", result)
    return result


def reopened(run: Run, split: str, machine: Machine, data: Path | None) -> tuple[nn.Module, SegmentationDataset, SegmentationDL]:
    "A run's best network, its data set, and the batches of one of its splits; `UserError` where they don't belong together."
    config, recipe = run.config, run.recipe_as(Recipe)
    model, card = run.load_model()
    dataset = open_dataset(config.dataset, data or config.data, config.protocol, **config.options)
    if card.classes != dataset.classes:
        raise UserError(f"{run.path}: was trained on other classes than {dataset.root} has now; pass the data as it was "
                        "with `--data`.")
    dataset.split(split)  # said before all is read
    if config.skip_bad: dataset = check(dataset).usable(skip_bad=True)
    dl = evaluation_batches(dataset, split, recipe.size, recipe.batch_size, machine.device)
    return prepare(model, machine), dataset, dl


def learner_from_run(path: str | Path, data: Path | None = None, machine: Machine | None = None) -> SegmentationLearner:
    "A run's best network as a `Learner` on its own data, to look at, interpret or train on; not for a run without validation."
    run, machine = Run.open(path), machine or Machine.choose()
    model, dataset, _ = reopened(run, "val", machine, data)
    recipe = replace(run.recipe_as(Recipe), weights="none")
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(dataset, recipe, machine.device), recipe, machine)
    learn.model.load_state_dict(model.state_dict())
    return learn


def score(model: nn.Module, run: Run, dataset: SegmentationDataset, split: str, dl: SegmentationDL,
          tta: str | None = None, boundary: int | None = None) -> tuple[Result, np.ndarray]:
    "Scores on `dl`, the batches of a split, and each picture's confusion matrix `[N,C,C]`."
    things = Things(dataset, dl.items) if dataset.benchmark else None
    borders = Borders(boundary) if boundary else None
    matrices = evaluate(Mirrored(model) if tta else model, dl, [counter.count for counter in (things, borders) if counter])
    scores = Scores(matrices.sum(0), dataset.classes)
    protocol = protocol_of(dataset, split, dl) | {"trained_on": run.config.splits}
    if tta: protocol["tta"] = tta
    if boundary: protocol["boundary"] = boundary
    return Result(scores, protocol, miou_interval(matrices, dataset.classes),
                  things and benchmark_scores(scores.confusion, things, dataset),
                  borders and Scores(borders.confusion.cpu().numpy(), dataset.classes)), matrices


def protocol_of(dataset: SegmentationDataset, split: str, dl: SegmentationDL) -> dict:
    "What a score was taken on: without it, a number can't be compared."
    sizes = sorted({"x".join(map(str, pair.mask.shape)) for pair in dl.items})
    return {"name": dataset.protocol, "classes": len(dataset.classes), "split": split, "pictures": len(dl.items),
            "resolution": sizes[0] if len(sizes) == 1 else f"{len(sizes)} sizes", "void": "ignored"}
