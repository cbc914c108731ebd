"What a run was made of."

from dataclasses import dataclass
from typing import Any

from .reading import Count


@dataclass(frozen=True)
class Config:
    """All that is needed to repeat a run: `config.json`.

    `data` is the dataset's folder, None where it has none, or one that this program fills itself; `options` are the
    fields of its `DatasetOptions`; `classes` are the names; `images` is how many a split has; `recipe` are the settings
    of the training by name; `machine` is `device` and `precision`; `versions` are those of Python and the packages.
    `compared_from` is how many epochs were on other data, whose scores can't be compared with those that came after.
    """

    dataset: str
    data: str | None
    protocol: str
    options: dict[str, Any]
    classes: tuple[str, ...]
    images: dict[str, Count]
    splits: str
    skip_bad: bool
    recipe: dict[str, Any]
    machine: dict[str, str]
    versions: dict[str, str]
    compared_from: Count = 0

    def __post_init__(self):
        for name in ("device", "precision"):
            if name not in self.machine: raise ValueError(f"its machine has no {name}")
