"A run's files, read: plain files of bounded size, whose content is checked before it is used."

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from ..errors import UserError
from ..files import kind_of_file

Kind = TypeVar("Kind")
MOST_BYTES = 1 << 26  # of a text file
DEEPEST = 32  # lists and objects within each other
LARGEST = 1e30  # a number of a table: more is damage, and no chart can show it


def _bounded(value: float) -> float:
    if abs(value) > LARGEST: raise ValueError("is too large")
    return value


Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Number = Annotated[float, BeforeValidator(lambda text: text if text != "" else "nan"), AfterValidator(_bounded)]


def _score(value: float) -> float:
    if not (value != value or 0 <= value <= 1): raise ValueError("is no score from 0 to 1")
    return value


Score = Annotated[Number, AfterValidator(_score)]  # nan where it isn't defined


def damaged(path: Path, what: Any) -> UserError:
    "The message about a file of a run that isn't as it was written."
    return UserError(f"{path}: is damaged ({what}); restore it from a copy.")


def check_regular(path: Path):
    "`UserError` where there is no such file, or it is a pipe, a device or the like, which may never end."
    if path.is_file(): return
    if not path.exists(): raise UserError(f"{path}: there is no such file; is the run finished?")
    raise UserError(f"{path}: is no regular file but {kind_of_file(path)}; restore it from a copy.")


def read_text(path: Path) -> str:
    "The text of a file; `UserError` where it is missing, no regular file, too large, or no UTF-8."
    check_regular(path)
    try:
        if path.stat().st_size > MOST_BYTES: raise damaged(path, f"{path.stat().st_size} bytes are too many")
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error: raise UserError(f"{path}: can't be read ({error.strerror}); check it.") from error


def read_json(path: Path) -> dict[str, Any]:
    "The JSON object in a file; `UserError` where it is missing or damaged."
    return parse_json(read_text(path), path)


def parse_json(text: str, path: Path) -> dict[str, Any]:
    "The JSON object `text` of the file `path`; `UserError` where it is none, or can't be used safely."
    try: content = json.loads(text)
    except (ValueError, RecursionError) as error: raise damaged(path, error) from error
    if not isinstance(content, dict): raise damaged(path, "no JSON object")
    _check_content(content, path, DEEPEST)
    return content


def _check_content(value: Any, path: Path, levels: int):
    "Whether it is nested no deeper than `levels`, and has no letter that no file's name may have."
    if levels == 0: raise damaged(path, "nested too deep")
    if isinstance(value, str) and "\0" in value: raise damaged(path, "a zero byte in a text")
    if isinstance(value, dict): value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value: _check_content(item, path, levels - 1)


def validate(kind: type[Kind], content: Any, path: Path) -> Kind:
    "JSON `content` of the file `path` as the dataclass `kind`; `UserError` with the first thing that doesn't fit it."
    try: return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        raise damaged(path, f"{place}: {first['msg']}") from error
    except UserError as error: raise UserError(f"{path}: {error}") from error  # a dataclass's own check
    except (RecursionError, OverflowError) as error: raise damaged(path, error) from error


def read_table(path: Path, columns: Mapping[str, Any], others: Any = Number) -> pd.DataFrame:
    """The table in a CSV file.

    Args:
        path: the file.
        columns: the type, in pydantic's words, of each column that must be there.
        others: that of all other columns.

    `UserError` where it is missing, or a value doesn't fit; it names the line.
    """
    check_regular(path)
    try: table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="surrogateescape", engine="c")
    except (ValueError, OSError, OverflowError, RecursionError) as error: raise damaged(path, error) from error
    if missing := set(columns) - set(table.columns):
        raise damaged(path, f"without the column {sorted(missing)[0]}")
    return pd.DataFrame({name: _column(table[name].tolist(), columns.get(name, others), path, name)
                         for name in table.columns})


def _column(values: list[str], kind: Any, path: Path, name: str) -> list:
    try: return TypeAdapter(list[kind]).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, f"line {first['loc'][0] + 2}, {name}: {first['msg']}") from error
