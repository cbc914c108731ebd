import numpy as np
import pytest

from linknet_fastai.evaluation.result import Result, describe_protocol, miou_interval
from linknet_fastai.evaluation.scores import Scores

GOOD, BAD = np.array([[4, 0], [0, 4]]), np.array([[0, 4], [4, 0]])
PROTOCOL = {"name": "tiny2", "classes": 2, "split": "val", "images": 2, "resolution": "2x4", "void": "ignored", "trained_on": "train"}


def test_equal_images_leave_nothing_to_chance():
    assert miou_interval(np.stack([GOOD, 3 * GOOD]), ("a", "b")) == (1, 1)


def test_two_images_range_from_one_alone_to_the_other_alone():
    "Of 1000 draws of two from two, a quarter is the good one twice, a quarter the bad one twice: both lie within 95 %."
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
    "Images of one pixel, right or wrong, one class predicted: mIoU is the share of right ones, whose spread is known."
    right, wrong = np.array([[1, 0], [0, 0]]), np.array([[0, 0], [1, 0]])  # [true, predicted]
    matrices = np.stack([right] * 300 + [wrong] * 100)
    low, high = (2 * value for value in miou_interval(matrices, ("a", "b")))  # class b has IoU 0
    spread = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert low == pytest.approx(0.75 - spread, abs=0.01) and high == pytest.approx(0.75 + spread, abs=0.01)


def test_it_is_repeatable():
    matrices = np.stack([GOOD, BAD, GOOD + BAD])
    assert miou_interval(matrices, ("a", "b")) == miou_interval(matrices, ("a", "b"))


def test_a_protocol_says_all_that_a_number_depends_on():
    line = describe_protocol(PROTOCOL)
    assert line == "tiny2, val: 2 images at 2x4, 2 classes, void ignored, trained on train"
    assert describe_protocol(PROTOCOL | {"tta": "flip"}) == f"{line}, averaged over each image and its mirror image"


def test_a_result_comes_back_from_json():
    result = Result(Scores(GOOD, ("a", "b")), PROTOCOL, (0.5, 1.0), {"class_iou": 1.0}, Scores(BAD, ("a", "b")))
    again = Result.from_json(result.to_json())
    assert (again.protocol, again.interval, again.benchmark) == (result.protocol, result.interval, result.benchmark)
    assert (again.scores.confusion == GOOD).all() and (again.boundary.confusion == BAD).all()
