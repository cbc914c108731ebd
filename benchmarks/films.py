"""A recipe on films that it has never seen: each of CamVid's three training films is left out once, and scored.

    python benchmarks/films.py ../shared/camvid runs/films --weights resnet18.safetensors --size 176x240 --epochs 12

CamVid's validation frames are of a film that is trained on, and flatter; its test frames are of a film that is not, and
of a later part of one that is. So this is a nearer guess at a test score, from training frames alone. It takes the
flags of `fit` that belong to a recipe. Each film is scored by what is left after the last epoch, as it is and by `--tta
scales`; a film whose run is finished is not trained again, and a run that was interrupted is refused: remove it.
"""

from dataclasses import replace
from pathlib import Path

import typer

from linknet_fastai.cli.flags import RECIPE, recipe_flags
from linknet_fastai.dataloaders.dataloaders import evaluation_dl
from linknet_fastai.datasets.camvid import camvid
from linknet_fastai.datasets.dataset import SegmentationDataset
from linknet_fastai.evaluation.scores import Scores
from linknet_fastai.evaluation.scoring import ScoringOptions, protocol_of, score
from linknet_fastai.models.autocast import autocast_model
from linknet_fastai.recipes import Recipe, recipe_for
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.fit import FitOptions, fit

FILMS = ("0001TP", "0006R0", "0016E5")
WEAK = ("Pole", "SignSymbol", "Pedestrian")


def without(dataset: SegmentationDataset, film: str) -> SegmentationDataset:
    "The training frames: those of `film` to test by, the others to train on, those of one film by the name of `val`."
    table = dataset.split("train").reset_index(drop=True)
    films = table.image.map(lambda file: Path(file).name.partition("_")[0])
    second = next(each for each in FILMS if each != film)
    splits = films.map({each: "val" if each == second else "train" for each in FILMS} | {film: "test"})
    return replace(dataset, table=table.assign(split=splits))


def trained(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, out: Path) -> Run:
    "A run on all but the test frames; the one in `out`, if it is finished."
    if out.is_dir() and Run.open(out).checkpoints.is_finished: return Run.open(out)
    return fit(dataset, recipe, machine, FitOptions(out, splits="train+val"))


def scores(run: Run, dataset: SegmentationDataset, machine: Machine, tta: str | None) -> Scores:
    "Of the run's last epoch on the frames that it has never seen."
    model, recipe = autocast_model(run.load_model()[0], machine), run.recipe
    dl = evaluation_dl(dataset, "test", recipe, machine.device)
    result, _ = score(model, dl, dataset, protocol_of(dataset, "test", dl, "other films"), ScoringOptions(tta))
    return result.scores


@recipe_flags
def main(data: Path, out: Path, recipe: RECIPE = "rapid", flags: dict | None = None):
    "Train and score; the table's rows are printed as they come."
    dataset, machine, found = camvid(data), Machine.choose(), {None: [], "scales": []}
    print(f"| left out | tta | mIoU | {' | '.join(WEAK)} |", flush=True)
    for film in FILMS:
        fold = without(dataset, film)
        run = trained(fold, recipe_for(recipe, dataset.defaults, **flags), machine, out / film)
        for tta, mious in found.items():
            of_film = scores(run, fold, machine, tta)
            mious.append(100 * of_film.miou)
            weak = (f"{100 * of_film.class_iou[dataset.classes.index(name)]:.1f}" for name in WEAK)
            print(f"| {film} | {tta} | {mious[-1]:.1f} | {' | '.join(weak)} |", flush=True)
    for tta, mious in found.items(): print(f"| mean | {tta} | {sum(mious) / len(mious):.1f} |")


if __name__ == "__main__": typer.run(main)
