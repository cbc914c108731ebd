"Weights of classes by their frequency."

import math

import numpy as np
import pytest

from linknet_fastai.training.class_weights import class_weights, median_frequency_weights


def test_weights_are_the_paper_s():
    assert class_weights(np.array([0.0, 1.0])).tolist() == pytest.approx([50.498, 1 / math.log(2.02)], rel=1e-4)


def test_a_rarer_class_weighs_more():
    weights = class_weights(np.array([0.75, 0.2, 0.05])).tolist()
    assert weights == sorted(weights)


def test_median_frequency_weights_by_hand():
    "Class 0 is half of both images, class 1 a fifth of the first, class 2 the rest; class 3 is in none."
    counts = np.array([[5, 2, 3, 0], [5, 0, 5, 0]])
    frequency = [10 / 20, 2 / 10, 8 / 20]
    assert median_frequency_weights(counts).tolist() == pytest.approx([0.4 / f for f in frequency] + [0.4 / 0.2])
