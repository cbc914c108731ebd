"A run's scores on a split: written into the run, with the pictures that it does worst on."

from dataclasses import dataclass
from pathlib import Path

from ..datasets import open_dataset
from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..networks.precision import Machine, prepare
from ..runs.run import Run
from ..runs.scores import Scores
from .batches import SegmentationDL, evaluation_batches
from .benchmark import Things, benchmark_scores
from .evaluation import evaluate
from .inspection import hardest, picture_ious, results_sheet

SHEET = 6  # pictures on a sheet of results


@dataclass(frozen=True)
class Result:
    "Scores, what they were taken on, and the figure of the hardest pictures."

    scores: Scores
    protocol: dict
    benchmark: dict | None
    sheet: Path


def score_split(path: str | Path, split: str, machine: Machine, data: Path | None = None) -> Result:
    "Score the run at `path` on a split of its data set, from the folder `data` or where it was; as `scores-SPLIT.json`."
    run = Run.open(path)
    config = run.config
    dataset = open_dataset(config["dataset"], data or config["data"], config["protocol"], **config["options"])
    dataset.split(split)  # said before all is read
    if config["skip_bad"]: dataset = check(dataset).usable(skip_bad=True)
    dl = evaluation_batches(dataset, split, tuple(config["recipe"]["size"]), config["recipe"]["batch_size"], machine.device)
    return score_run(run, dataset, split, dl, machine, f"scores-{split}")


def score_run(run: Run, dataset: SegmentationDataset, split: str, dl: SegmentationDL, machine: Machine, name: str) -> Result:
    "Score the run's best epoch on `dl`, the batches of a split; as `name` and .json."
    model, card = run.load_model()
    if card.classes != dataset.classes:
        raise UserError(f"{run.path}: was trained on other classes than {dataset.root} has now; pass the data as it was "
                        "with `--data`.")
    things = Things(dataset, dl.items) if dataset.benchmark else None
    matrices = evaluate(prepare(model, machine), dl, things and things.count)
    scores = Scores(matrices.sum(0), card.classes)
    protocol = protocol_of(dataset, split, dl) | {"trained_on": run.config["splits"]}
    benchmark = things and benchmark_scores(scores.confusion, things, dataset)
    run.write_scores(name, scores, protocol, benchmark)
    ious = picture_ious(matrices, card.classes)
    sheet = run.write_figure(f"hardest-{split}", results_sheet(model, dl, hardest(ious, SHEET), ious))
    return Result(scores, protocol, run.benchmark(name), sheet)


def protocol_of(dataset: SegmentationDataset, split: str, dl: SegmentationDL) -> dict:
    "What a score was taken on: without it, a number can't be compared."
    sizes = sorted({"x".join(map(str, pair.mask.shape)) for pair in dl.items})
    return {"name": dataset.protocol, "classes": len(dataset.classes), "split": split, "pictures": len(dl.items),
            "resolution": sizes[0] if len(sizes) == 1 else f"{len(sizes)} sizes", "void": "ignored"}
