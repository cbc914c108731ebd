"What `datasets check` leaves."

import csv

import pytest
from PIL import Image

from linknet_fastai.workflows.check import check_dataset


def test_classes_with_frequencies_and_weights_and_their_chart(tiny_dataset, tmp_path):
    "Weights by hand: 1/ln(p + 1.02) for a frequency p (LinkNet, sec. 4)."
    result, classes = check_dataset(tiny_dataset, tmp_path / "out")
    with open(tmp_path / "out/classes.csv") as file: rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == list(classes.index) == ["ground", "wall", "door"]
    assert [float(row["train"]) for row in rows] == pytest.approx(result.frequencies.train.tolist())
    frequency = result.pixels.train["door"] / result.pixels.train.sum()
    assert 2.718281828 ** (1 / float(rows[2]["weight"])) == pytest.approx(frequency + 1.02)
    Image.open(tmp_path / "out/classes.png").verify()
