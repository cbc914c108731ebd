"Packages that only exports, films and georeferences need."

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from ..errors import UserError


def extra(module: str, name: str = "export") -> ModuleType:
    "`module` of the extra `name`, imported; errors as for `find_extra`."
    find_extra(module, name)
    return import_module(module)


def find_extra(module: str, name: str = "export"):
    "`UserError` with the command that installs it, where `module` of the extra `name` isn't installed."
    if find_spec(module) is None:
        raise UserError(f"{module} isn't installed; `pip install 'linknet-fastai[{name}]'` brings it.")
