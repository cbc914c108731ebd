"A training from images to a scored run."

import numpy as np
import pytest
from short_training import history, trained, write_images

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.mark.parametrize("images", [dict(train=1, val=1), dict(train=5, val=1)], ids=["one image",
                                                                                      "a last batch of one"])
def test_little_data_is_enough(tmp_path, images):
    run = trained(write_images(tmp_path / "data", **images), tmp_path / "run")
    assert run.is_scored and np.isfinite(history(run.path).miou).all()
