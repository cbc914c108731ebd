"What a run begins with: its folder, what it was made of, what is to be known of its model."

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from itertools import count
from pathlib import Path

from ..dataloaders.decode import common_size
from ..datasets.check import CheckResult
from ..datasets.dataset import SegmentationDataset
from ..datasets.fingerprint import fingerprint
from ..datasets.folder import DRAWN, split_table
from ..errors import UserError
from ..files import writable_folder
from ..models.stats import model_stats
from ..recipes import Recipe
from ..runs.card import ModelCard
from ..runs.config import Config
from ..runs.run import Run
from ..runtime.device import Machine
from ..runtime.distributed import broadcast_text, is_main_process


def new_run(out: Path | None, dataset: SegmentationDataset) -> Run:
    "The run to be, in the folder `out`, or in a new one; the main process chooses it for all."
    chosen = (out or new_run_path(dataset.name)) if is_main_process() else ""
    return Run(Path(broadcast_text(str(chosen))))


def new_run_path(dataset: str, parent: Path = Path("runs")) -> Path:
    """`runs/DATASET-1`, or the first number that is free; an empty folder now, which no other process gets.

    `UserError` where it can't be made.
    """
    writable_folder(parent)
    for number in count(1):
        path = parent / f"{dataset}-{number}"
        try: path.mkdir()
        except FileExistsError: continue
        except OSError as error:
            raise UserError(f"{path}: can't be made ({error.strerror}); choose another folder with `--out`.") from error
        return path


@contextmanager
def locked(run: Run) -> Iterator[None]:
    "Hold the run's folder, made where it is missing, for this training alone; the main process does so for all."
    if not is_main_process(): return (yield)
    writable_folder(run.path)
    with run.locked(): yield


def create(run: Run, dataset: SegmentationDataset, config: Config, checked: CheckResult):
    "Write what a run begins with: `config`, and what was found of its samples; by the main process."
    if not is_main_process(): return
    tables = {run.samples_file.name: fingerprint(dataset)}
    if dataset.split_source == DRAWN:
        tables[run.splits_file.name] = split_table(checked.dataset)  # the run's own from now on, as it was drawn
    if not checked.problems.empty: tables[run.skipped.name] = checked.problems
    Run.create(run.path, config, tables)


def config_of(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, splits: str,
              skip_bad: bool) -> Config:
    """All that is needed to repeat the run.

    Args:
        dataset: what is trained on.
        recipe: how, with its `size` or `crop`, and its `lr`, given.
        machine: on what.
        splits: what is trained on, `train` or `train+val`.
        skip_bad: whether unsound samples are left out.
    """
    packages = ("linknet-fastai", "torch", "fastai", "timm", "numpy", "pillow")
    return Config(dataset=dataset.name, data=root_of(dataset), protocol=dataset.protocol, options=dict(dataset.options),
                  classes=dataset.classes, images=image_counts(dataset), splits=splits,
                  skip_bad=skip_bad, recipe=asdict(recipe),
                  machine={"device": str(machine.device), "precision": machine.precision},
                  versions={"python": platform.python_version()} | {name: version(name) for name in packages})


def root_of(dataset: SegmentationDataset) -> str | None:
    "The dataset's folder; None where it has none, or one that this program fills itself."
    return None if dataset.root is None or dataset.is_fetched else str(dataset.root)


def image_counts(dataset: SegmentationDataset) -> dict[str, int]:
    "How many images each split has."
    return dataset.table.split.value_counts().to_dict()


def card_of(dataset: SegmentationDataset, recipe: Recipe) -> ModelCard:
    "What is to be known of a model that is trained on `dataset`; the recipe's `size` or `crop` is given."
    format, stats = dataset.image_format, model_stats(recipe, dataset.channels)
    return ModelCard(recipe.encoder, recipe.upsample, dataset.classes, dataset.palette, recipe.test_size, stats.mean,
                     stats.std, dataset.protocol, dataset.cityscapes and dataset.cityscapes.ids, recipe.model,
                     class_values(dataset), format.value_range, format.channels, recipe.crop is not None,
                     common_size(dataset), recipe.instance_norm)


def class_values(dataset: SegmentationDataset) -> tuple | None:
    """What each class is in the dataset's masks: its color in the palette, or its first value.

    None where a class has no value.
    """
    first = {index: value for value, index in reversed(dataset.values.items())}
    if dataset.in_color: first |= {index: color for index, color in enumerate(dataset.palette)
                                   if dataset.values.get(color) == index}
    if any(index not in first for index in range(len(dataset.classes))): return None
    return tuple(first[index] for index in range(len(dataset.classes)))
