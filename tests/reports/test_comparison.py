"Table 1 says what its numbers are."

import pandas as pd
import pytest

from linknet_fastai.reports.comparison import write_table

ROW = {"row": "rapid", "model": "LinkNet, rapid", "miou": 0.5, "class_accuracy": 0.6, "dice": 0.7, "image_dice": 0.65,
       "pixel_accuracy": 0.9, "miou_spread": 0.02, "seeds": 2, "parameters": 11_500_000, "gflops": 4.1,
       "epoch_seconds": 32.0, "prediction_ms": 20.0, "epochs": 20, "trained_at": "176x240", "recipe": "rapid",
       "weights": "none", "published": "none", "name": "camvid11", "classes": 11, "split": "val", "images": 101,
       "resolution": "360x480", "void": "ignored", "trained_on": "train", "machine": "cpu"}
EPOCHS = pd.DataFrame({"row": "rapid", "seed": 0, "epoch": [1, 2], "miou": [0.4, 0.5]})


@pytest.mark.filterwarnings("error")
def test_the_spread_and_the_size_of_prediction_are_said(tmp_path):
    "Half of 2 points, which is what ± stands for."
    other = ROW | {"row": "paper", "data": "elsewhere"}  # a column that the first row has nothing in
    write_table(pd.DataFrame([ROW | {"predicted_at": "176x240"}, other]), EPOCHS, tmp_path)
    text = (tmp_path / "table1.md").read_text()
    assert "50.0 ± 1.0" in text and "± is half of the range over the seeds" in text
    assert "trained on train at 176x240, predicted at 176x240; 20 epochs, 2 seeds, cpu" in text and "nan" not in text


def test_of_one_seed_there_is_no_spread(tmp_path):
    write_table(pd.DataFrame([ROW | {"seeds": 1}]), EPOCHS, tmp_path)
    assert "±" not in (tmp_path / "table1.md").read_text()
