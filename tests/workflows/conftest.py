"Fixtures of the trainings."

from pathlib import Path

import pytest
from short_training import write_images


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    "A folder of 13 training and 5 validation images with three classes."
    return write_images(tmp_path_factory.mktemp("images"))
