"The package as a whole: its arrows, its front door, what its imports cost, its style."

import configparser
import json
import subprocess
import sys
from pathlib import Path

import pytest

import linknet_fastai

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "linknet_fastai"


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def modules_after(statement: str) -> set[str]:
    "The modules that a fresh process has loaded after `statement`."
    code = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    process = run(sys.executable, "-c", code)
    assert process.returncode == 0, process.stderr
    return set(json.loads(process.stdout.splitlines()[-1]))


# arrows and style

def test_rooms_import_only_what_stands_below_them():
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    process = run(sys.executable, "-c", code)
    assert process.returncode == 0, process.stdout + process.stderr


def test_ruff_has_nothing_to_say():
    process = run(sys.executable, "-m", "ruff", "check", "linknet_fastai", "tests", "benchmarks")
    assert process.returncode == 0, process.stdout + process.stderr


def test_an_image_is_called_an_image():
    files = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".j2")]
    found = [f"{path.relative_to(ROOT)}: {line.strip()}" for path in files for line in path.read_text().splitlines()
             if "picture" in line.lower()]
    assert len(files) > 50 and not found


# the front door

def test_the_version_is_that_of_settings_ini():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "settings.ini")
    assert linknet_fastai.__version__ == settings["DEFAULT"]["version"]


def test_every_public_name_is_there():
    for name in linknet_fastai.__all__: assert getattr(linknet_fastai, name).__name__ == name
    assert set(linknet_fastai.__all__) | {"__version__"} <= set(dir(linknet_fastai))
    with pytest.raises(AttributeError, match="nothing"): getattr(linknet_fastai, "nothing")  # noqa: B009


# what imports cost

HEAVY = {"torch", "fastai", "numpy", "pandas", "timm", "matplotlib", "PIL"}


@pytest.mark.parametrize("statement, unwanted", [
    ("import linknet_fastai", HEAVY),
    ("import linknet_fastai; linknet_fastai.__version__", HEAVY),
    ("import linknet_fastai.datasets", {"torch", "fastai", "timm", "matplotlib"}),
    ("import linknet_fastai.deploy.predictor", {"matplotlib", "pandas", "fastai.vision"})])
def test_imports_load_only_what_they_need(statement, unwanted):
    assert not unwanted & modules_after(statement)
