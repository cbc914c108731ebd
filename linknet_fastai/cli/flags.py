"The command line's flags for a recipe: one for each field of `Recipe`, with its meaning and default."

from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any

import typer

from ..dataset_options import DatasetOptions
from ..recipes import RECIPES, Recipe, describe_setting


def size(text: str) -> tuple[int, int]:
    "(height, width) of `HxW`; `typer.BadParameter` for anything else."
    height, cross, width = text.lower().partition("x")
    if not (cross and height.isdigit() and width.isdigit()):
        raise typer.BadParameter(f"{text!r} is not HxW, such as 360x480.")
    return int(height), int(width)


def lr(text: str) -> float | str:
    "A learning rate, or `auto`; `typer.BadParameter` for anything else."
    try: return text if text == "auto" else float(text)
    except ValueError: raise typer.BadParameter(f"{text!r} is neither a number nor `auto`.") from None


def class_weights(text: str) -> dict[str, float]:
    "The weights of `NAME=WEIGHT,NAME=WEIGHT` by name; `typer.BadParameter` for anything else."
    weights = {}
    for part in text.split(","):
        name, _, weight = part.rpartition("=")
        try: weights[name.strip()] = float(weight)
        except ValueError: name = ""
        if not name.strip(): raise typer.BadParameter(f"{part!r} is not NAME=WEIGHT, such as road=1,pole=5.")
    return weights


OF_WHOLE_TRAININGS = ("epochs", "minutes", "lr")
PARSERS = {"size": size, "crop": size, "lr": lr, "class_weights": class_weights}
RECIPE = Annotated[str, typer.Option(help=f"The settings to start from: {', '.join(RECIPES)}.")]


def recipe_flags(command: Callable, without: tuple[str, ...] = ()) -> Callable:
    """`command` with a flag for each setting of a recipe, but for some.

    It is called with `recipe`, the name, and `flags`, a dict of the settings that were given.
    """
    flags = {field.name: _flag(field) for field in fields(Recipe) if field.name not in ("name", *without)}
    return _with_flags(command, flags, "flags", dict)


def batch_flags(command: Callable) -> Callable:
    "As `recipe_flags`, for what makes batches and trains nothing to its end."
    return recipe_flags(command, OF_WHOLE_TRAININGS)


def dataset_flags(command: Callable) -> Callable:
    "`command` with a flag for each of `DatasetOptions`; it is called with `options`."
    flags = {field.name: _option(field) for field in fields(DatasetOptions) if "help" in field.metadata}
    def options(**given):
        several = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
        return DatasetOptions(**given | several)
    return _with_flags(command, flags, "options", options)


def _with_flags(command: Callable, flags: dict[str, Any], argument: str, collect: Callable) -> Callable:
    "`command` with more `flags`; those that were given are passed to it as `argument`, put together by `collect`."
    @wraps(command)
    def flagged(**words: Any):
        given = {name: words.pop(name) for name in flags}
        given = {name: value for name, value in given.items() if value is not None}
        return command(**words, **{argument: collect(**given)})

    own = signature(command)
    parameters = [parameter for parameter in own.parameters.values() if parameter.name != argument]
    parameters += [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=flag)
                   for name, flag in flags.items()]
    flagged.__signature__ = own.replace(parameters=parameters)
    flagged.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flagged


def _flag(field: Field):
    parser = PARSERS.get(field.name)
    kind = str if parser else field.type
    default = "" if field.default is None else f" [rapid: {describe_setting(field.default)}]"
    meaning = field.metadata["help"] + default
    return Annotated[kind | None, typer.Option(help=meaning, show_default=False, parser=parser)]


def _option(field: Field):
    "Several values, where the field is a tuple; a flag alone, where it is a bool."
    kind = {"bool": bool, bool: bool, int: int}.get(field.type, list[str] if field.default == () else str)
    names = [f"--{field.name.replace('_', '-')}"] if kind is bool else []
    return Annotated[kind | None, typer.Option(*names, help=field.metadata["help"], show_default=False)]
