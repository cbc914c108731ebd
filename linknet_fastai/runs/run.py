"The run folder: all that a training leaves, read and written here only."

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
from torch import nn

from ..dataset_options import DatasetOptions
from ..errors import UserError
from ..files import refuse_irregular, refuse_link, remove_leftovers, writable_folder, write_csv, write_text
from ..locks import AlreadyLocked, locked
from ..recipes import Recipe
from .card import MODEL_FILE, ModelCard
from .checkpoint import CHECKPOINT_FILES, Checkpoints
from .config import Config
from .reading import Count, damaged, read_json, validate
from .tables import Number, Score, read_table
from .tensors import FORMAT, READABLE
from .weights import load_card, load_weights, save_weights

# columns of history.csv that every training has
HISTORY = {"epoch": Count, "train_loss": Number, "valid_loss": Number, "miou": Score, "lr": Number, "seconds": Number}
# what a training writes, beside config.json and the scores
FILES = ("samples.csv", "splits.csv", "skipped.csv", "history.csv", "report.html", "gallery/images.csv", MODEL_FILE,
         *CHECKPOINT_FILES)


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
    def create(cls, path: Path, config: Config, tables: Mapping[str, pd.DataFrame] = {}) -> "Run":
        """A new run in a folder that holds none, with the `tables` that it begins with, by their files' names.

        config.json comes last: a folder without it is free. `UserError` where the folder holds a run, or can't be
        written.
        """
        refuse_taken(path)
        run = cls(writable_folder(path))
        run.refuse_irregular()
        run.folder("figures")
        for left in (run.splits_file, run.skipped): left.unlink(missing_ok=True)  # of a run that didn't begin
        for name, table in tables.items(): run.write_csv(name, table)
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
        if version not in READABLE:
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

    @property
    def recipe(self) -> Recipe:
        "The settings that the run was trained with; `UserError` where they are no recipe's."
        return validate(Recipe, self.config.recipe, self.config_file)

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

    @property
    def trained_on(self) -> str:
        "The splits that it is trained on, and how many of their images where that isn't all; for protocols."
        splits, count = self.config.splits, self.config.images.get("train", 0)
        chosen = self.recipe.train_images
        return splits if chosen is None or chosen >= count else f"{chosen} of {count} {splits} images"

    def remove_scores(self) -> list[str]:
        """Remove all scores, which are of weights that a training goes on from; the names of their JSON files.

        `UserError` where one of them is no file.
        """
        for file in self._score_files: refuse_irregular(file)
        removed = [file.name for file in self._score_files if file.suffix == ".json"]
        for file in self._score_files: file.unlink()
        return removed

    @property
    def _score_files(self) -> list[Path]:
        return sorted([*self.path.glob("scores*.json"), *self.path.glob("scores*.csv")])

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

    def refuse_irregular(self):
        "`UserError` where a folder, a link or the like lies where a training writes a file, or a file for a folder."
        for file in [*(self.path / name for name in FILES), *self._score_files]: refuse_irregular(file)
        for name in ("figures", "gallery"):
            folder = self.inside(name)
            if folder.exists() and not folder.is_dir():
                raise UserError(f"{folder}: is no folder, and a run has one of that name; move it away.")

    def inside(self, name: str) -> Path:
        "The path of what is written in the run as `name`; `UserError` where that is a link."
        refuse_link(self.path / name)
        return self.path / name

    def folder(self, name: str) -> Path:
        "The folder of that name in the run, made where it is missing; errors as for `inside`."
        return writable_folder(self.inside(name))

    def write_csv(self, name: str, table: pd.DataFrame):
        "Write the columns of `table`, without its index, to the file `name`."
        write_csv(self.path / name, table)

    def write_json(self, name: str, content: dict):
        "Write `content` to the file `name`, with null for nan."
        text = json.dumps(_without_nan(content), indent=1) + "\n"
        write_text(self.path / name, text)


def refuse_taken(path: Path):
    "`UserError` where the folder holds a run."
    if (path / "config.json").exists():
        raise UserError(f"{path}: there is a run in this folder already; choose another with `--out`.")


def _without_nan(value):
    "`value` with None for nan, which JSON doesn't have, at any depth."
    if isinstance(value, dict): return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple): return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value
