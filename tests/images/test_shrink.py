"Images that are shrunk band by band."

import numpy as np
import pytest

from linknet_fastai.images import shrink
from linknet_fastai.images.shrink import shrunk, shrunk_mask


def test_means_of_squares():
    pixels = np.array([[0, 2, 10, 10, 7], [4, 6, 10, 11, 9], [1, 2, 100, 200, 50]], np.uint8)[..., None]
    # factor 2: (0+2+4+6)/4 = 3, 41/4 = 10.25, (7+9)/2 = 8; (1+2)/2 = 1.5, (100+200)/2 = 150, 50
    assert shrunk(pixels, 3)[..., 0].tolist() == [[3, 10, 8], [2, 150, 50]]


def test_bands_make_no_difference(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 60, 3)).astype(np.uint8)
    monkeypatch.setattr(shrink, "BAND", 400)
    expected = pixels.reshape(30, 3, 20, 3, 3).mean((1, 3))
    assert np.abs(shrunk(pixels, 30) - expected).max() <= 0.5


@pytest.mark.parametrize("longest", [5, 9])
def test_small_images_stay(longest):
    pixels = np.arange(75, dtype=np.uint8).reshape(5, 5, 3)
    np.testing.assert_array_equal(shrunk(pixels, longest), pixels)


def test_a_mask_keeps_classes_from_the_middle_of_squares():
    mask = np.arange(35, dtype=np.uint8).reshape(5, 7)
    # factor 3: rows 1 and 4, columns 1, 4 and, at the border, 6
    assert shrunk_mask(mask, 3).tolist() == [[8, 11, 13], [29, 32, 34]]
    assert shrunk(np.zeros((5, 7, 1), np.uint8), 3).shape[:2] == (2, 3)
