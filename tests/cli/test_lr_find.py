"`linknet-fastai lr-find` and `show-batch`: a look before the training."

import pandas as pd
import pytest
from command_line import TINY, succeed
from PIL import Image


@pytest.mark.slow
def test_lr_find_writes_its_curve(folder, tmp_path):
    out = tmp_path / "found"
    assert "valley" in succeed("lr-find", "camvid", "--data", folder, *TINY, "--out", out)
    curve = pd.read_csv(out / "lr-find.csv")
    assert curve.lr.is_monotonic_increasing and len(curve) > 20
    Image.open(out / "lr-find.png").verify()


def test_show_batch_draws(folder, tmp_path):
    succeed("show-batch", "camvid", "--data", folder, "--out", tmp_path / "batch.png")
    Image.open(tmp_path / "batch.png").verify()
