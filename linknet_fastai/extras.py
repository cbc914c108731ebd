"Packages that not every installation has: pip's extras of this one."

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from .errors import UserError

# these report their use, to Microsoft and to Intel, unless the variable is 1 as they are imported
SILENT = {"onnxruntime": "ORT_DISABLE_TELEMETRY", "nncf": "NNCF_CI"}


def extra(module: str, name: str = "export") -> ModuleType:
    "`module` of the extra `name`, imported so that it reports nothing; errors as for `find_extra`."
    find_extra(module, name)
    if module in SILENT: os.environ.setdefault(SILENT[module], "1")
    return import_module(module)


def find_extra(module: str, name: str = "export"):
    "`UserError` with the command that installs it, where `module` of the extra `name` isn't installed."
    if find_spec(module) is None:
        raise UserError(f"{module} isn't installed; `pip install 'linknet-fastai[{name}]'` brings it.")
