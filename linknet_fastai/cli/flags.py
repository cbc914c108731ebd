"The command line's flags for a recipe: one for each field of `Recipe`, with its meaning and default."

from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, get_args, get_origin

import typer

from ..recipes import RECIPES, Recipe


def size(text: str) -> tuple[int, int]:
    "(height, width) of `HxW`."
    height, cross, width = text.lower().partition("x")
    if not (cross and height.isdigit() and width.isdigit()): raise typer.BadParameter(f"{text!r} is not HxW, such as 360x480.")
    return int(height), int(width)


def lr(text: str) -> float | str:
    try: return text if text == "auto" else float(text)
    except ValueError: raise typer.BadParameter(f"{text!r} is neither a number nor `auto`.") from None


PARSERS = {"size": size, "lr": lr}
RECIPE = Annotated[str, typer.Option(help=f"The settings to start from: {', '.join(RECIPES)}.")]


def recipe_flags(command: Callable) -> Callable:
    """`command` with `--recipe` and a flag for each setting of a recipe.

    It is called with `recipe`, the name, and `flags`, a dict of the settings that were given.
    """
    settings = {field.name: _flag(field) for field in fields(Recipe) if field.name != "name"}

    @wraps(command)
    def flagged(**words: Any):
        given = {name: words.pop(name) for name in settings}
        return command(**words, flags={name: value for name, value in given.items() if value is not None})

    own = signature(command)
    parameters = [parameter for parameter in own.parameters.values() if parameter.name != "flags"]
    parameters += [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=flag) for name, flag in settings.items()]
    flagged.__signature__ = own.replace(parameters=parameters)
    flagged.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flagged


def _flag(field: Field):
    parser = PARSERS.get(field.name)
    kind = str if parser else next((part for part in get_args(field.type) if get_origin(field.type) is None), field.type)
    default = "" if field.default is None else f" [rapid: {_shown(field.default)}]"
    return Annotated[kind | None, typer.Option(help=field.metadata["help"] + default, show_default=False, parser=parser)]


def _shown(value) -> str:
    if isinstance(value, bool): return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
