"Weights of classes by their frequency."

import math

import numpy as np
import pytest

from linknet_fastai.training.class_weights import class_weights


def test_weights_are_the_paper_s():
    assert class_weights(np.array([0.0, 1.0])).tolist() == pytest.approx([50.498, 1 / math.log(2.02)], rel=1e-4)


def test_a_rarer_class_weighs_more():
    weights = class_weights(np.array([0.75, 0.2, 0.05])).tolist()
    assert weights == sorted(weights)
