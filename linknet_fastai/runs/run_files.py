"Where things lie in a run folder, and how they get there: whole, and never through a link."

import json
from pathlib import Path

import pandas as pd

from ..errors import UserError
from ..files import refuse_irregular, refuse_link, writable_folder, write_csv, write_text
from .card import MODEL_FILE
from .checkpoint import CHECKPOINT_FILES, Checkpoints

# what a training writes, beside config.json and the scores
FILES = ("samples.csv", "splits.csv", "skipped.csv", "history.csv", "report.html", "gallery/images.csv", MODEL_FILE,
         *CHECKPOINT_FILES)


class RunFiles:
    "The files and folders of the run at `path`, there or not."

    def __init__(self, path: Path):
        self.path = path

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
    def score_files(self) -> list[Path]:
        "The scores of all splits and exported files."
        return sorted([*self.path.glob("scores*.json"), *self.path.glob("scores*.csv")])

    def refuse_irregular(self):
        "`UserError` where a folder, a link or the like lies where a training writes a file, or a file for a folder."
        for file in [*(self.path / name for name in FILES), *self.score_files]: refuse_irregular(file)
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


def _without_nan(value):
    "`value` with None for nan, which JSON doesn't have, at any depth."
    if isinstance(value, dict): return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple): return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value
