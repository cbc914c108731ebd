"A run's files, read: plain files of bounded size, whose content is checked before it is used."

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from ..errors import UserError
from ..files import kind_of_file

Kind = TypeVar("Kind")
MOST_BYTES = 1 << 26  # of a text file
DEEPEST = 32  # lists and objects within each other

Count = Annotated[int, Field(ge=0, lt=1 << 53)]


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
    "`UserError` where it is nested deeper than `levels`, or has a letter that no file's name may have."
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
