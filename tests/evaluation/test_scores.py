import warnings

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score, recall_score

from linknet_fastai.evaluation.scores import Scores

CLASSES = ("sky", "road", "tree", "car")

# by hand: true sky 3 (2 found), road 5 (4 found), no tree (2 road pixels and a sky one taken for it), car absent
BY_HAND = np.array([[2, 0, 1, 0], [0, 4, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


@pytest.fixture
def pixels() -> tuple[np.ndarray, np.ndarray]:
    "True and predicted classes of 400 pixels, right in about every second."
    rng = np.random.default_rng(0)
    true, guess = rng.choice(4, 400, p=[0.5, 0.3, 0.15, 0.05]), rng.integers(0, 4, 400)
    return true, np.where(rng.random(400) < 0.4, true, guess)


@pytest.fixture
def scores(pixels) -> Scores:
    return Scores(confusion_matrix(*pixels), CLASSES)


@pytest.mark.parametrize("name, mean, by_sklearn", [
    ("class_iou", "miou", jaccard_score), ("class_dice", "dice", f1_score),
    ("class_recall", "class_accuracy", recall_score)])
def test_classes_and_their_mean_are_sklearn_s(pixels, scores, name, mean, by_sklearn):
    np.testing.assert_allclose(getattr(scores, name), by_sklearn(*pixels, average=None), rtol=1e-12)
    assert getattr(scores, mean) == pytest.approx(by_sklearn(*pixels, average="macro"), rel=1e-12)


def test_pixel_accuracy_is_sklearn_s(pixels, scores):
    assert scores.pixel_accuracy == pytest.approx(accuracy_score(*pixels), rel=1e-12)


def test_by_hand():
    scores = Scores(BY_HAND, CLASSES)
    nan = float("nan")
    np.testing.assert_allclose(scores.class_iou, [2 / 3, 4 / 5, 0, nan])
    np.testing.assert_allclose(scores.class_dice, [4 / 5, 8 / 9, 0, nan])
    np.testing.assert_allclose(scores.class_recall, [2 / 3, 4 / 5, nan, nan])
    assert scores.summary() == pytest.approx({
        "miou": (2 / 3 + 4 / 5) / 3, "class_accuracy": (2 / 3 + 4 / 5) / 2, "dice": (4 / 5 + 8 / 9) / 3,
        "pixel_accuracy": 6 / 8})


def test_a_class_absent_from_truth_and_prediction_is_left_out_of_the_means(pixels):
    true, predicted = pixels
    true, predicted = true[(true != 2) & (predicted != 2)], predicted[(true != 2) & (predicted != 2)]
    scores = Scores(confusion_matrix(true, predicted, labels=range(4)), CLASSES)
    present = [0, 1, 3]
    for values, mean, by_sklearn in ((scores.class_iou, scores.miou, jaccard_score),
                                     (scores.class_dice, scores.dice, f1_score),
                                     (scores.class_recall, scores.class_accuracy, recall_score)):
        assert np.isnan(values).tolist() == [False, False, True, False]
        assert mean == pytest.approx(by_sklearn(true, predicted, labels=present, average="macro"), rel=1e-12)


def test_all_void_is_nan_everywhere_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = Scores(np.zeros((4, 4), dtype=np.int64), CLASSES)
        values = [*scores.summary().values(), *scores.table().to_numpy().ravel()]
    assert len(values) == 4 + 16 and np.isnan(values).all()


def test_absent_classes_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Scores(BY_HAND, CLASSES).summary()


def test_the_table_has_a_row_a_class():
    table = Scores(BY_HAND, CLASSES).table()
    assert list(table.index) == list(CLASSES)
    road = {"iou": 4 / 5, "accuracy": 4 / 5, "dice": 8 / 9, "frequency": 5 / 8}
    assert table.loc["road"].to_dict() == pytest.approx(road)
    assert table.frequency.tolist() == [3 / 8, 5 / 8, 0, 0]


def test_perfect_is_one():
    assert Scores(np.diag([5, 1, 0, 2]), CLASSES).summary() == {name: 1.0 for name in Scores.NAMES}


def test_lists_and_back():
    scores = Scores.from_lists(BY_HAND.tolist(), list(CLASSES))
    assert (scores.confusion == BY_HAND).all() and scores.confusion.dtype == np.int64 and scores.classes == CLASSES


def test_billions_of_pixels_are_counted_exactly():
    "More than fp32 or int32 hold: 2,975 Cityscapes frames have six thousand million."
    scores = Scores(np.array([[6_000_000_001, 1], [0, 2]], dtype=np.int64), ("a", "b"))
    assert scores.class_recall[0] == 6_000_000_001 / 6_000_000_002 < 1
