"A run's tables, read: CSV files whose values are checked before they are used."

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError

from .reading import check_regular, damaged

LARGEST = 1e30  # a number: more is damage, and no chart can show it


def _bounded(value: float) -> float:
    if abs(value) > LARGEST: raise ValueError("is too large")
    return value


Number = Annotated[float, BeforeValidator(lambda text: text if text != "" else "nan"), AfterValidator(_bounded)]


def _score(value: float) -> float:
    if not (value != value or 0 <= value <= 1): raise ValueError("is no score from 0 to 1")
    return value


Score = Annotated[Number, AfterValidator(_score)]  # nan where it isn't defined


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
