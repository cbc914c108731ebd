"Fixtures of the trainings."

from pathlib import Path

import pytest
from short_training import write_images


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    "A folder of 13 training and 5 validation images with three classes."
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def without_figures(monkeypatch):
    "They take most of a short run's time, and are tested elsewhere."
    for name in ("draw_run", "draw_training"):
        monkeypatch.setattr(f"linknet_fastai.workflows.finish.{name}", lambda *words: None)
