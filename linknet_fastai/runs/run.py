"The run folder: all that a training leaves, read and written here only."

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import pandas as pd
from torch import nn

from ..dataset_options import DatasetOptions
from ..errors import UserError
from ..files import atomic_write, refuse_link, remove_leftovers, writable_folder
from ..locks import AlreadyLocked, locked
from .checkpoint import Checkpoints
from .config import Config
from .reading import Count, Kind, damaged, read_json, validate
from .tables import Number, Score, read_table
from .tensors import FORMAT
from .weights import MODEL_FILE, ModelCard, load_card, load_weights, save_weights

# columns of history.csv that every training has
HISTORY = {"epoch": Count, "train_loss": Number, "valid_loss": Number, "miou": Score, "lr": Number, "seconds": Number}


class Run:
    """A run folder: what a training leaves, by name.

    It has `config.json`, `samples.csv`, `history.csv`, `model.safetensors`, `last.safetensors`, `scores.json`,
    `figures/`, `gallery/` and `report.html`; `splits.csv` and `skipped.csv` where there are any. `Run.create` starts a
    new one, `Run.open` reads one. It may be a stranger's: what is read is checked (`reading.py`), and nothing is
    written through a link.
    """

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def create(cls, path: Path, config: Config) -> "Run":
        "A new run in a folder that holds none; `UserError` where it does, or can't be written."
        refuse_taken(path)
        run = cls(writable_folder(path))
        run.folder("figures")
        run._write_config(config)
        return run

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        "The run in a folder; `UserError` where it holds none, a damaged one, or that of another version."
        run = cls(Path(path))
        if not run.config_file.exists():
            raise UserError(f"{path}: holds no run (no config.json); pass a folder that `fit` wrote.")
        content = read_json(run.config_file)
        version = content.get("format")
        if version != FORMAT:
            raise UserError(f"{path}: is a run of format {version}, this program reads {FORMAT}; use the version that "
                            "wrote it, or train anew.")
        validate(Config, content, run.config_file)  # damage is reported now
        return run

    @property
    def config_file(self) -> Path:
        "The file of `config`."
        return self.path / "config.json"

    @property
    def figures(self) -> Path:
        "The folder of charts and grids of images."
        return self.path / "figures"

    @property
    def gallery(self) -> Path:
        "The folder of validation images."
        return self.path / "gallery"

    @property
    def report(self) -> Path:
        "The page that shows the run; written once it is scored."
        return self.path / "report.html"

    @property
    def skipped(self) -> Path:
        "The table of samples that were left out, and why; written only where there are some."
        return self.path / "skipped.csv"

    @property
    def samples_file(self) -> Path:
        "The fingerprint of the samples that it is trained and validated on (`datasets/fingerprint.py`)."
        return self.path / "samples.csv"

    @property
    def samples(self) -> pd.DataFrame:
        "A row a sample: `image`, `split`, `image_hash`, `mask_hash`; `UserError` where the file is missing or damaged."
        table = read_table(self.samples_file, dict.fromkeys(("image", "split", "image_hash", "mask_hash"), str), str)
        if table["image"].duplicated().any(): raise damaged(self.samples_file, "an image stands in it twice")
        return table

    @property
    def splits_file(self) -> Path:
        "The split that was drawn for this run; written only where the dataset has none of its own."
        return self.path / "splits.csv"

    @property
    def model_file(self) -> Path:
        "The weights of the best epoch, with their card."
        return self.path / MODEL_FILE

    @property
    def checkpoints(self) -> Checkpoints:
        "What the training goes on from."
        return Checkpoints(self.path)

    @property
    def config(self) -> Config:
        "What the run was made of; `UserError` where the file is damaged."
        return validate(Config, read_json(self.config_file), self.config_file)

    def recipe_as(self, kind: type[Kind]) -> Kind:
        "The settings that the run was trained with, as the dataclass `kind`; `UserError` where they don't fit it."
        return validate(kind, self.config.recipe, self.config_file)

    @property
    def dataset_options(self) -> DatasetOptions:
        "What the run's dataset was opened with."
        options = validate(DatasetOptions, self.config.options, self.config_file)
        return replace(options, splits=str(self.splits_file)) if self.splits_file.is_file() else options

    def rewrite_config(self, **changes):
        "Replace fields of `config` in its file."
        self._write_config(replace(self.config, **changes))

    def _write_config(self, config: Config):
        self.write_json("config.json", {"format": FORMAT, **asdict(config)})

    @property
    def history(self) -> pd.DataFrame:
        "A row an epoch: losses, scores, learning rate, seconds; none before the first is done."
        path = self.path / "history.csv"
        if not path.exists(): return pd.DataFrame(columns=[*HISTORY], dtype=float)
        return read_table(path, HISTORY)

    @property
    def seconds(self) -> float:
        "How long the epochs took, in seconds."
        return float(self.history.seconds.sum())

    @property
    def is_scored(self) -> bool:
        "Whether the run has a validation score: not where the validation images were trained on."
        return (self.path / "scores.json").is_file()

    def remove_scores(self) -> list[str]:
        "Remove all scores, which are of weights that a training goes on from; the names of their JSON files."
        files = sorted([*self.path.glob("scores*.json"), *self.path.glob("scores*.csv")])
        for file in files: file.unlink()
        return [file.name for file in files if file.suffix == ".json"]

    def write_model(self, model: nn.Module, card: ModelCard):
        "Write the weights of the best epoch so far, with their card."
        save_weights(self.model_file, model, card)

    def load_model(self) -> tuple[nn.Module, ModelCard]:
        "The best epoch's model, in evaluation mode, and its card."
        return load_weights(self.model_file)

    @property
    def card(self) -> ModelCard:
        "What the weights file says of its model."
        return load_card(self.model_file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        "Hold the folder for this process; `UserError` where another does. A process that is gone holds nothing."
        try:
            with locked(self.path / ".lock") as is_held:
                if is_held: self.checkpoints.remove_leftovers()
                if is_held: remove_leftovers(self.model_file)
                yield
        except AlreadyLocked as error:
            raise UserError(f"{self.path}: another process is training in this folder; wait for it, or choose another "
                            "folder.") from error

    def inside(self, name: str) -> Path:
        "The path of what is written in the run as `name`; `UserError` where that is a link."
        refuse_link(self.path / name)
        return self.path / name

    def folder(self, name: str) -> Path:
        "The folder of that name in the run, made where it is missing; errors as for `inside`."
        return writable_folder(self.inside(name))

    def write_csv(self, name: str, table: pd.DataFrame):
        "Write the columns of `table`, without its index, to the file `name`."
        with atomic_write(self.path / name) as file: table.to_csv(file, index=False, errors="surrogateescape")

    def write_json(self, name: str, content: dict):
        "Write `content` to the file `name`, with null for nan."
        text = json.dumps(_without_nan(content), indent=1) + "\n"
        with atomic_write(self.path / name) as file: file.write_text(text)


def refuse_taken(path: Path):
    "`UserError` where the folder holds a run."
    if (path / "config.json").exists():
        raise UserError(f"{path}: there is a run in this folder already; choose another with `--out`.")


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


def _without_nan(value):
    "`value` with None for nan, which JSON doesn't have, at any depth."
    if isinstance(value, dict): return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple): return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value
