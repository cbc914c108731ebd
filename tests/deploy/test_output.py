"Masks and overlays as files."

import numpy as np
from PIL import Image

from linknet_fastai.deploy.output import save_mask, save_overlay

PALETTE = ((70, 130, 180), (128, 64, 128), (0, 0, 142))


def test_a_mask_is_class_indices_in_the_palette_s_colors(tmp_path):
    mask = np.array([[0, 1], [2, 1]], dtype=np.uint8)
    save_mask(mask, PALETTE, tmp_path / "mask.png")
    image = Image.open(tmp_path / "mask.png")
    assert np.asarray(image).tolist() == mask.tolist()
    assert np.asarray(image.convert("RGB"))[1].tolist() == [list(PALETTE[2]), list(PALETTE[1])]


def test_an_overlay_is_half_the_image_and_half_the_colors(tmp_path):
    Image.new("RGB", (2, 2), (100, 100, 100)).save(tmp_path / "image.png")
    save_overlay(Image.open(tmp_path / "image.png"), np.array([[0, 1], [2, 1]], dtype=np.uint8), PALETTE,
                 tmp_path / "overlay.png")
    overlay = np.asarray(Image.open(tmp_path / "overlay.png")).astype(int)
    halves = (np.array([[PALETTE[0], PALETTE[1]], [PALETTE[2], PALETTE[1]]]) + 100) / 2
    assert abs(overlay - halves).max() <= 1
