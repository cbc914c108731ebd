"Masks and overlays as files."

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linknet_fastai.deploy.output import EXTRAS, Predicted, save_mask
from linknet_fastai.runs.card import ModelCard

PALETTE = ((70, 130, 180), (128, 64, 128), (0, 0, 142))


def test_a_mask_is_class_indices_in_the_palette_s_colors(tmp_path):
    mask = np.array([[0, 1], [2, 1]], dtype=np.uint8)
    save_mask(mask, PALETTE, tmp_path / "mask.png")
    image = Image.open(tmp_path / "mask.png")
    assert np.asarray(image).tolist() == mask.tolist()
    assert np.asarray(image.convert("RGB"))[1].tolist() == [list(PALETTE[2]), list(PALETTE[1])]


def predicted(pixels: np.ndarray, mask, probabilities=None) -> Predicted:
    card = ModelCard("resnet18", "deconv", ("sky", "road", "car"), PALETTE, (64, 64), (0.5,) * 3, (0.5,) * 3, "tiny")
    return Predicted(Path("a.png"), Path("a.png"), pixels, np.array(mask, dtype=np.uint8), card, probabilities)


@pytest.mark.parametrize("kind, tolerance", [("png", 1), ("jpeg", 12)])
def test_an_overlay_is_half_the_image_and_half_the_colors(tmp_path, kind, tolerance):
    mask = np.kron([[0, 1], [2, 1]], np.ones((16, 16)))
    EXTRAS[f"overlay-{kind}"].write(predicted(np.full((32, 32, 3), 100, np.uint8), mask), tmp_path / "overlay")
    image = Image.open(tmp_path / "overlay")
    halves = (np.array([[PALETTE[0], PALETTE[1]], [PALETTE[2], PALETTE[1]]]) + 100) / 2
    assert image.format == kind.upper() and abs(np.asarray(image)[8::16, 8::16].astype(int) - halves).max() <= tolerance


def test_probabilities_are_float16_with_the_classes_names(tmp_path):
    values = np.random.default_rng(0).dirichlet(np.ones(3), (4, 5)).transpose(2, 0, 1).astype(np.float32)
    of = predicted(np.zeros((4, 5, 3), np.uint8), values.argmax(0), values)
    EXTRAS["probabilities-npz"].write(of, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as content:
        assert content["classes"].tolist() == ["sky", "road", "car"] and content["probabilities"].dtype == np.float16
        assert np.abs(content["probabilities"] - values).max() < 1e-3
    EXTRAS["probabilities-png"].write(of, tmp_path / "a.png")
    assert np.abs(np.asarray(Image.open(tmp_path / "a.png")) / 255 - values.max(0)).max() <= 0.5 / 255 + 1e-6


def test_an_overlay_that_is_longer_than_a_jpeg_can_be_is_shrunk(tmp_path):
    EXTRAS["overlay-jpeg"].write(predicted(np.zeros((70_000, 100, 3), np.uint8), np.zeros((70_000, 100))),
                                 tmp_path / "overlay")
    assert Image.open(tmp_path / "overlay").size == (6, 3889)  # by 18: no side above 4096
