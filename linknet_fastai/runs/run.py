"A run: what a training leaves in its folder, read and written here only."

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
from torch import nn

from ..dataset_options import DatasetOptions
from ..errors import UserError
from ..files import refuse_irregular, remove_leftovers, writable_folder
from ..locks import AlreadyLocked, locked
from ..recipes import Recipe
from .card import ModelCard
from .config import Config
from .reading import Count, damaged, read_json, validate
from .run_files import RunFiles
from .tables import Number, Score, read_table
from .tensors import FORMAT, READABLE
from .weights import load_card, load_weights, save_weights

# columns of history.csv that every training has
HISTORY = {"epoch": Count, "train_loss": Number, "valid_loss": Number, "miou": Score, "lr": Number, "seconds": Number}


class Run(RunFiles):
    """What a training leaves in its folder, by name.

    It has `config.json`, `samples.csv`, `history.csv`, `model.safetensors`, `last.safetensors`, `scores.json`,
    `figures/`, `gallery/` and `report.html`; `splits.csv` and `skipped.csv` where there are any. `Run.create` starts a
    new one, `Run.open` reads one. It may be a stranger's: what is read is checked (`reading.py`), and nothing is
    written through a link.
    """

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
    def samples(self) -> pd.DataFrame:
        "A row a sample: `image`, `split`, `image_hash`, `mask_hash`; `UserError` where the file is missing or damaged."
        table = read_table(self.samples_file, dict.fromkeys(("image", "split", "image_hash", "mask_hash"), str), str)
        if table["image"].duplicated().any(): raise damaged(self.samples_file, "an image stands in it twice")
        return table

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
        for file in self.score_files: refuse_irregular(file)
        removed = [file.name for file in self.score_files if file.suffix == ".json"]
        for file in self.score_files: file.unlink()
        return removed

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


def refuse_taken(path: Path):
    "`UserError` where the folder holds a run."
    if (path / "config.json").exists():
        raise UserError(f"{path}: there is a run in this folder already; choose another with `--out`.")

