"Images of every kind to classes."

import numpy as np
import pytest
import torch
from finished_run import finished_run
from PIL import Image

from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.errors import UserError


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Predictor:
    return Predictor(finished_run(tmp_path_factory.mktemp("runs") / "tiny").path)


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "form", [Image.fromarray, np.asarray, lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1)],
    ids=["Pillow", "array", "tensor"])
def test_an_image_may_come_in_several_forms(predictor, tmp_path, form):
    Image.fromarray(noise()).save(tmp_path / "image.png")
    expected = predictor(tmp_path / "image.png")
    assert expected.shape == (20, 30) and expected.dtype == np.uint8 and expected.max() < 3
    np.testing.assert_array_equal(predictor(form(noise())), expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (37, 53)])
def test_the_mask_has_the_image_s_size(predictor, size):
    assert predictor(np.full((*size, 3), 90, dtype=np.uint8)).shape == size


def test_a_folder_without_weights_is_named(tmp_path):
    with pytest.raises(UserError, match="model.safetensors"): Predictor(tmp_path)


def test_an_image_is_read_once_and_predicted_from(predictor, tmp_path):
    Image.fromarray(noise()[..., 0]).save(tmp_path / "gray.png")
    pixels = predictor.read(tmp_path / "gray.png")
    assert pixels.shape == (20, 30, 3) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(predictor.predict(pixels), predictor(tmp_path / "gray.png"))
