"What an evaluation finds, how far chance goes, and what is written of it."

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_run import CONFIG

from linknet_fastai.errors import UserError
from linknet_fastai.evaluation.result import (
    Result,
    ResultFile,
    describe_protocol,
    miou_interval,
    read_result,
    write_result,
)
from linknet_fastai.evaluation.scores import Scores
from linknet_fastai.runs.reading import validate
from linknet_fastai.runs.run import Run

GOOD, BAD = np.array([[4, 0], [0, 4]]), np.array([[0, 4], [4, 0]])
PROTOCOL = {"name": "tiny2", "classes": 2, "split": "val", "images": 2, "resolution": "2x4", "void": "ignored",
            "trained_on": "train"}


def test_equal_images_leave_nothing_to_chance():
    assert miou_interval(np.stack([GOOD, 3 * GOOD]), ("a", "b")) == (1, 1)


def test_two_images_range_from_one_alone_to_the_other_alone():
    "Of 1000 draws of two from two, a quarter is the good one twice, a quarter the bad one twice: both lie in 95 %."
    assert miou_interval(np.stack([GOOD, BAD]), ("a", "b")) == (0, 1)


def test_the_interval_holds_the_score_and_narrows_with_more_images():
    rng = np.random.default_rng(0)
    few = np.stack([GOOD * rng.integers(1, 9) + BAD * rng.integers(0, 4) for _ in range(20)])
    many = np.tile(few, (16, 1, 1))
    score = Scores(few.sum(0), ("a", "b")).miou
    (low, high), (low_many, high_many) = miou_interval(few, ("a", "b")), miou_interval(many, ("a", "b"))
    assert low < low_many < score < high_many < high
    assert (high_many - low_many) / (high - low) == pytest.approx(1 / 4, rel=0.15)  # the root of 16


def test_the_interval_agrees_with_the_binomial_s():
    "Images of one pixel, one class predicted: the mIoU goes with how many are right, whose spread is known."
    right, wrong = np.array([[1, 0], [0, 0]]), np.array([[0, 0], [1, 0]])  # [true, predicted]
    matrices = np.stack([right] * 300 + [wrong] * 100)
    low, high = (2 * value for value in miou_interval(matrices, ("a", "b")))  # class b has IoU 0
    spread = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert low == pytest.approx(0.75 - spread, abs=0.01) and high == pytest.approx(0.75 + spread, abs=0.01)


def test_it_is_repeatable():
    matrices = np.stack([GOOD, BAD, GOOD + BAD])
    assert miou_interval(matrices, ("a", "b")) == miou_interval(matrices, ("a", "b"))


def test_a_class_that_a_resample_lacks_keeps_its_iou_there():
    "Class b is in the first of three images, and never found: without that image the mIoU is (1 + 0) / 2, not 1."
    missed, found = np.array([[0, 0], [4, 0]]), np.array([[4, 0], [0, 0]])  # [true, predicted]
    matrices = np.stack([missed, found, found])
    assert Scores(matrices.sum(0), ("a", "b")).miou == pytest.approx((8 / 12 + 0) / 2)
    assert miou_interval(matrices, ("a", "b")) == (0, 0.5)  # all three the first: 1 in 27; none of them: 8 in 27


@pytest.mark.filterwarnings("error")
def test_there_is_no_interval_of_one_image_nor_of_nothing_but_void():
    for matrices in (GOOD[None], np.zeros((3, 2, 2), int)): assert np.isnan(miou_interval(matrices, ("a", "b"))).all()


def test_a_protocol_says_all_that_a_number_depends_on():
    line = describe_protocol(PROTOCOL)
    parts = ("tiny2", "val", "2 images", "2x4", "2 classes", "void ignored", "trained on train")
    assert all(part in line for part in parts)
    assert describe_protocol(PROTOCOL | {"tta": "flip"}) == f"{line}, averaged over each image and its mirror image"
    assert describe_protocol(PROTOCOL | {"predicted_at": "4x8"}) == f"{line}, predicted at 4x8"
    assert describe_protocol(PROTOCOL | {"tta": "scales"}).endswith("mirror image at 1 and 1.25 of its size")


def test_a_result_comes_back_from_json():
    benchmark = dict.fromkeys(("class_iou", "class_iiou", "category_iou", "category_iiou"), 1.0)
    result = Result(Scores(GOOD, ("a", "b")), PROTOCOL | {"boundary": 3}, (0.5, 1.0), benchmark,
                    Scores(BAD, ("a", "b")))
    again = Result.from_file(validate(ResultFile, json.loads(json.dumps(result.to_json())), Path("scores.json")))
    assert (again.protocol, again.interval) == (result.protocol, result.interval)
    assert again.cityscapes == result.cityscapes
    assert (again.scores.confusion == GOOD).all() and (again.boundary.confusion == BAD).all()


# written and read

@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(tmp_path / "run", CONFIG)


def strict_json(path: Path) -> dict:
    "JSON as the standard has it: without NaN and Infinity."
    def refuse(constant: str): raise ValueError(f"{constant} is not JSON")
    return json.loads(path.read_text(), parse_constant=refuse)


def test_scores_come_back_with_nan_through_strict_json(run):
    "A class that never occurs has no IoU: null in the file, nan again when read."
    scores = Scores(np.array([[5, 1, 0], [2, 8, 0], [0, 0, 0]]), ("sky", "road", "tree"))
    write_result(run, "scores", Result(scores, PROTOCOL, (0.25, 0.75)))
    content = strict_json(run.path / "scores.json")
    assert content["protocol"] == PROTOCOL and content["confusion"] == [[5, 1, 0], [2, 8, 0], [0, 0, 0]]
    assert content["scores"]["pixel_accuracy"] == 13 / 16 and content["interval"] == {"miou": [0.25, 0.75]}
    assert content["classes"] == [
        {"class": "sky", "iou": 5 / 8, "accuracy": 5 / 6, "dice": 10 / 13, "frequency": 6 / 16},
        {"class": "road", "iou": 8 / 11, "accuracy": 8 / 10, "dice": 16 / 19, "frequency": 10 / 16},
        {"class": "tree", "iou": None, "accuracy": None, "dice": None, "frequency": 0}]
    result = read_result(run)
    found = result.scores
    assert (result.protocol, result.interval, found.classes) == (PROTOCOL, (0.25, 0.75), scores.classes)
    assert (found.confusion == scores.confusion).all() and found.summary() == scores.summary()
    assert np.isnan(found.class_iou).tolist() == [False, False, True]


def test_scores_of_nothing_but_void_are_strict_json_too(run):
    nothing = Scores(np.zeros((2, 2), dtype=np.int64), ("a", "b"))
    write_result(run, "scores-val", Result(nothing, PROTOCOL, (float("nan"),) * 2))
    assert set(strict_json(run.path / "scores-val.json")["scores"].values()) == {None}
    result = read_result(run, "scores-val")
    assert np.isnan([result.scores.miou, *result.interval]).all()


def test_the_table_of_scores_carries_its_protocol(run):
    "A row a class and their mean; what it was taken on stands in each row, so that tables can be put together."
    scores, boundary = (Scores(np.array(matrix), ("a", "b")) for matrix in ([[3, 1], [0, 4]], [[1, 1], [0, 2]]))
    write_result(run, "scores-val", Result(scores, PROTOCOL | {"boundary": 3}, (0, 1), boundary=boundary))
    table = pd.read_csv(run.path / "scores-val.csv")
    assert list(table["class"]) == ["a", "b", "mean"]
    assert table.iou.tolist() == [3 / 4, 4 / 5, pytest.approx(31 / 40)]
    assert table.boundary_iou.tolist() == [1 / 2, 2 / 3, pytest.approx(7 / 12)]
    for name, value in PROTOCOL.items(): assert (table[name] == value).all()
    assert read_result(run, "scores-val").boundary.confusion.tolist() == [[1, 1], [0, 2]]


def test_a_class_named_mean_keeps_its_row():
    table = Result(Scores(np.array([[3, 1], [0, 4]]), ("mean", "road")), PROTOCOL, (0, 1)).table()
    assert list(table.index) == ["mean", "road", "mean"] and table.index.name == "class"
    assert table.iou.tolist() == [3 / 4, 4 / 5, pytest.approx(31 / 40)] and np.isnan(table.frequency.iloc[-1])


def test_scores_that_are_not_there_are_named(run):
    with pytest.raises(UserError, match=f"{run.path / 'scores-test.json'}: there is no such file"):
        read_result(run, "scores-test")


@pytest.mark.parametrize("content", [
    "{}", '{"classes": 5}', '{"classes": [], "confusion": [["x"]], "protocol": {}, "interval": {}}'])
def test_scores_that_lack_something_are_named(run, content):
    (run.path / "scores.json").write_text(content)
    with pytest.raises(UserError, match=f"{run.path / 'scores.json'}: is damaged"): read_result(run)


def test_scores_by_views_that_nobody_knows_are_named(run):
    write_result(run, "scores", Result(Scores(GOOD, ("a", "b")), PROTOCOL | {"tta": "rotated"}, (0, 1)))
    with pytest.raises(UserError, match="is damaged.*rotated"): read_result(run)
