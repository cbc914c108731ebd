"JSON, XML and YAML from strangers: read as data, checked, and refused with one message."

import json
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

import yaml
from pydantic import TypeAdapter, ValidationError

from ...errors import UserError

Model = TypeVar("Model")


def read_bytes(path: Path) -> bytes:
    "All of a file; `UserError` where it can't be read."
    try: return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}); check its permissions.") from error


def parse_json(path: Path, content: bytes) -> Any:
    "`UserError` for what is no JSON."
    # RecursionError: of lists in lists in lists
    try: return json.loads(content)
    except (ValueError,
            RecursionError) as error: raise UserError(f"{path}: is no JSON ({error}); export it again.") from error


def checked(kind: type[Model], value: Any, path: Path) -> Model:
    "`value` as this pydantic type; `UserError` with the first place where it isn't."
    try: return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: is damaged at {place or 'its beginning'} ({first['msg']}); export it again, or "
                        "correct it.") from error


class _WithoutDoctype(ElementTree.TreeBuilder):
    "Refuses what could define entities: they can expand without an end, or name other files."

    def doctype(self, name: str, pubid: str, system: str): raise ValueError("it has a DOCTYPE, which no annotation "
                                                                            "needs")


def parse_xml(path: Path, content: bytes) -> ElementTree.Element:
    "`UserError` for what is no XML, or has a DOCTYPE."
    # LookupError: of an unknown encoding
    try: return ElementTree.fromstring(content, ElementTree.XMLParser(target=_WithoutDoctype()))
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise UserError(f"{path}: can't be read as XML ({error}); export it again.") from error


def read_yaml(path: Path) -> Any:
    "Plain data, no objects; `UserError` for what is no YAML."
    try: return yaml.safe_load(read_bytes(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = " ".join(str(error).split())
        raise UserError(f"{path}: can't be read as YAML ({message}); correct it.") from error
