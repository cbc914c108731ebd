"A run's scores on a split: written into the run, with the pictures that it does worst on."

from dataclasses import dataclass
from pathlib import Path

from ..datasets import open_dataset
from ..datasets.dataset import SegmentationDataset
from ..networks.precision import Machine, prepare
from ..runs.run import Run
from ..runs.scores import Scores
from .batches import SegmentationDL, evaluation_batches
from .evaluation import evaluate
from .inspection import hardest, picture_ious, results_sheet

SHEET = 6  # pictures on a sheet of results


@dataclass(frozen=True)
class Result:
    "Scores, what they were taken on, and the figure of the hardest pictures."

    scores: Scores
    protocol: dict
    sheet: Path


def score_split(path: str | Path, split: str, machine: Machine, data: Path | None = None) -> Result:
    "Score the run at `path` on a split of its data set, from the folder `data` or where it was; as `scores-SPLIT.json`."
    run = Run.open(path)
    config = run.config
    dataset = open_dataset(config["dataset"], data or config["data"], config["protocol"])
    dl = evaluation_batches(dataset, split, tuple(config["recipe"]["size"]), config["recipe"]["batch_size"], machine.device)
    return score_run(run, dl, machine, protocol_of(dataset, split, dl), f"scores-{split}")


def score_run(run: Run, dl: SegmentationDL, machine: Machine, protocol: dict, name: str) -> Result:
    "Score the run's best epoch on `dl`; as `name` and .json."
    model, card = run.load_model()
    matrices = evaluate(prepare(model, machine), dl)
    scores = Scores(matrices.sum(0), card.classes)
    run.write_scores(name, scores, protocol)
    ious = picture_ious(matrices, card.classes)
    sheet = run.write_figure(f"hardest-{protocol['split']}", results_sheet(model, dl, hardest(ious, SHEET), ious))
    return Result(scores, protocol, sheet)


def protocol_of(dataset: SegmentationDataset, split: str, dl: SegmentationDL) -> dict:
    "What a score was taken on: without it, a number can't be compared."
    sizes = sorted({"x".join(map(str, pair.mask.shape)) for pair in dl.items})
    return {"name": dataset.protocol, "classes": len(dataset.classes), "split": split, "pictures": len(dl.items),
            "resolution": sizes[0] if len(sizes) == 1 else f"{len(sizes)} sizes", "void": "ignored"}
