"Images beside their masks, in the palette's colors."

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from fastai.torch_core import TensorImage, TensorMask
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from linknet_fastai.images.grid import WRONG, colorize, error_map, image_grid
from linknet_fastai.images.mask import VOID

CLASSES = ("sky", "road", "tree", "car")
PALETTE = ((128, 128, 128), (128, 64, 128), (0, 128, 0), (64, 0, 128))


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def random_images(count: int = 1, height: int = 8, width: int = 12) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, height, width), generator=torch.Generator().manual_seed(0))


def legend(figure: Figure) -> dict[str, tuple]:
    "Label to color, 0..255, in order."
    [legend] = figure.legends
    return {text.get_text(): tuple(round(255 * c) for c in to_rgb(patch.get_facecolor()))
            for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)}


def panels(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]


def test_classes_have_the_palette_s_colors_exactly():
    mask = np.array([[0, 1, 2], [3, 2, 1]])
    colored = colorize(mask, PALETTE)
    assert colored.dtype == np.uint8
    assert colored.tolist() == [[list(PALETTE[c]) for c in row] for row in mask]


@pytest.mark.parametrize("value, dtype", [(VOID, np.uint8), (VOID, np.int64), (len(PALETTE), np.uint8)])
def test_what_is_no_class_is_striped_in_colors_of_none(value, dtype):
    mask = np.full((32, 32), value, dtype=dtype)
    mask[:, :8] = 1
    colored = colorize(mask, PALETTE)
    assert (colored[:, :8] == PALETTE[1]).all()
    void = {tuple(pixel) for pixel in colored[:, 8:].reshape(-1, 3).tolist()}
    assert len(void) == 2 and not void & set(PALETTE)
    for row in colored[:, 8:]: assert len(np.unique(row, axis=0)) == 2  # across each row: diagonal


def test_colors_depend_on_the_mask_alone():
    "Whatever else is in the mask, and wherever: a color map would stretch."
    assert (colorize(np.full((4, 4), 2), PALETTE) == colorize(np.array([[2, 0], [1, 2]]), PALETTE)[0, 0]).all()


def test_a_grid_has_the_image_and_its_masks_side_by_side():
    images = random_images(2)
    truth, prediction = np.arange(96).reshape(8, 12) % 4, np.arange(96).reshape(8, 12) // 24
    figure = image_grid(images, {"truth": [truth] * 2, "prediction": [prediction] * 2}, CLASSES, PALETTE, ["a", "b"])
    assert [axis.get_title("left") for axis in figure.axes] == ["a", "truth", "prediction", "b", "truth", "prediction"]
    shown = panels(figure)
    for i in range(2):
        assert (shown[3 * i] == images[i].numpy().transpose(1, 2, 0)).all()
        assert (shown[3 * i + 1] == colorize(truth, PALETTE)).all()
        assert (shown[3 * i + 2] == colorize(prediction, PALETTE)).all()


def test_an_odd_number_of_samples_leaves_a_gap_and_no_image_out():
    images = random_images(3)
    figure = image_grid(images, {"truth": [np.full((8, 12), i) for i in range(3)]}, CLASSES, PALETTE)
    assert [panel[0, 0].tolist() for panel in panels(figure)[1::2]] == [list(PALETTE[i]) for i in range(3)]
    assert len(panels(figure)) == 6 and not any(axis.axison for axis in figure.axes)


def test_a_grid_takes_what_fastai_decodes():
    masks = torch.arange(96).view(1, 8, 12) % 4
    figure = image_grid(TensorImage(random_images()), {"truth": TensorMask(masks)}, CLASSES, PALETTE)
    assert (panels(figure)[1] == colorize(masks[0].numpy(), PALETTE)).all()


def test_the_legend_has_exactly_the_classes_that_occur():
    "In either column, in the classes' order, in their colors."
    truth, prediction = np.full((1, 8, 12), 3), np.full((1, 8, 12), 1)
    truth[0, 0] = 0
    figure = image_grid(random_images(), {"truth": truth, "prediction": prediction}, CLASSES, PALETTE)
    assert list(legend(figure).items()) == [("sky", PALETTE[0]), ("road", PALETTE[1]), ("car", PALETTE[3])]


def test_the_legend_has_void_last_and_only_where_it_occurs():
    masks = np.full((2, 8, 12), 2)
    assert list(legend(image_grid(random_images(2), {"truth": masks}, CLASSES, PALETTE))) == ["tree"]
    masks[1, 3, 4] = VOID
    assert list(legend(image_grid(random_images(2), {"truth": masks}, CLASSES, PALETTE))) == ["tree", "void"]


def test_the_legend_s_void_looks_like_the_mask_s():
    figure = image_grid(random_images(), {"truth": np.full((1, 8, 12), VOID)}, CLASSES, PALETTE)
    colors = {tuple(pixel) for pixel in colorize(np.full((32, 32), VOID), PALETTE).reshape(-1, 3).tolist()}
    assert list(legend(figure)) == ["void"] and legend(figure)["void"] in colors


def test_errors_are_red_where_the_classes_differ_and_void_is_neither():
    truth, prediction = np.array([[0, 1, VOID]]), np.array([[0, 2, 2]])
    right, wrong, void = error_map(truth, prediction)[0].tolist()
    assert tuple(wrong) == WRONG and right != wrong
    assert void == colorize(np.array([[0, 1, VOID]]), PALETTE)[0, 2].tolist()


def test_errors_are_a_fourth_panel_on_request():
    truth, prediction = np.zeros((1, 8, 12), dtype=int), np.ones((1, 8, 12), dtype=int)
    figure = image_grid(random_images(), {"truth": truth, "prediction": prediction}, CLASSES, PALETTE, errors=True)
    assert [axis.get_title("left") for axis in figure.axes] == ["image", "truth", "prediction", "errors"]
    assert (panels(figure)[3] == WRONG).all() and legend(figure)["wrong"] == WRONG
