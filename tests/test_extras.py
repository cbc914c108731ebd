"Packages that not every installation has."

import os
import subprocess
import sys

import pytest

from linknet_fastai.errors import UserError
from linknet_fastai.extras import extra


def test_what_is_not_installed_is_one_message(monkeypatch):
    monkeypatch.setattr("linknet_fastai.extras.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'linknet-fastai\[video\]'"): extra("av", "video")


def test_onnxruntime_reports_nothing(tmp_path):
    "What it would report it notes below the user's cache, as soon as it is imported."
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    if not notes_of(tmp_path / "bare", "import onnxruntime"): pytest.skip("this version reports nothing by itself")
    assert not notes_of(tmp_path / "ours", "from linknet_fastai.extras import extra; extra('onnxruntime')")


def notes_of(home, statement: str) -> list:
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", statement], check=True, timeout=120,
                   env=environment | {"XDG_CACHE_HOME": str(home), "HOME": str(home)})
    return list(home.rglob("*onnxruntime*"))
