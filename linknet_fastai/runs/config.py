"What a run was made of, and the check of what is read from a run's files."

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..errors import UserError

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Config:
    """All that is needed to repeat a run: `config.json`.

    `data` is the dataset's folder, None where it has none; `options` are the fields of its `DatasetOptions`; `images`
    is how many a split has; `recipe` are the settings of the training by name; `machine` is `device` and `precision`;
    `versions` are those of Python and the packages.
    """

    dataset: str
    data: str | None
    protocol: str
    options: dict[str, Any]
    images: dict[str, int]
    splits: str
    skip_bad: bool
    recipe: dict[str, Any]
    machine: dict[str, str]
    versions: dict[str, str]


def validate(kind: type[Kind], content: Any, path: Path) -> Kind:
    "JSON `content` of the file `path` as the dataclass `kind`; `UserError` with the first thing that doesn't fit it."
    try: return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        raise UserError(f"{path}: is damaged ({place}: {first['msg']}); restore it from a copy.") from error
