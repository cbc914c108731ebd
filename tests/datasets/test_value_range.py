"Images of more than 8 bits: one range for the dataset, kept with the run; what differs is refused."

import numpy as np
import pytest
import tifffile
from PIL import Image

from linknet_fastai.dataset_options import DatasetOptions
from linknet_fastai.datasets import open_dataset
from linknet_fastai.datasets.check import check
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.errors import Note, UserError
from linknet_fastai.images.rgb import to_rgb
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.evaluate import evaluate
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.predict import predict


def write(root, kind, highest, low=0, suffix="tif"):
    "Ten images whose right half is bright, and their masks."
    for folder in ("images", "masks"): (root / folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(10):
        mask = np.zeros((32, 48), np.uint8)
        mask[:, 20 + number:] = 1
        values = low + (highest - low) * (0.1 + 0.7 * mask + 0.1 * rng.random(mask.shape))
        values[0, 0], values[0, 1] = low, highest
        Image.fromarray(values.astype(kind)).save(root / f"images/{number}.{suffix}")
        Image.fromarray(mask).save(root / f"masks/{number}.png")
    return root


@pytest.mark.parametrize("kind, highest, low, suffix, value_range, note", [
    (np.uint8, 255, 0, "png", None, None),
    (np.uint16, 4095, 0, "png", (0, 4095), "images of 12 bits, black is 0, white 4095"),
    (np.uint16, 4096, 0, "tif", (0, 16383), "images of 14 bits"),
    (np.uint16, 65535, 0, "png", (0, 65535), "images of 16 bits"),
    (np.int32, 900_000, -100, "tif", (-100, 900_000), "images of 32 bits, black is -100 and white 900000, as found"),
    (np.float32, 1.0, 0, "tif", (0, 1), "images of 32 bits, black is 0 and white 1"),
])
def test_one_range_by_type_or_measured(tmp_path, kind, highest, low, suffix, value_range, note):
    dataset = open_dataset("folder", write(tmp_path, kind, highest, low, suffix))
    assert dataset.value_range == value_range
    assert note is None or note in dataset.note
    result = check(dataset)
    assert result.problems.empty
    image = dataset.table.image[3]
    with Image.open(image) as file: values = np.asarray(file).astype(float)
    pixels = dataset.read_pixels(image)
    if value_range is None: np.testing.assert_array_equal(pixels[..., 0], values)
    else:
        first, last = value_range
        np.testing.assert_allclose(pixels[..., 1], (values - first) / (last - first) * 255, atol=0.5001)
    assert len(np.unique(pixels)) > 15  # not black, nor five levels


def test_mixed_depths_are_refused(tmp_path):
    root = write(tmp_path, np.uint16, 4000, suffix="png")
    Image.fromarray(np.zeros((32, 48), np.uint8)).save(root / "images/4.png")
    with pytest.raises(UserError, match="0.png: has numbers of more than 8 bits, and .*4.png has 8"):
        open_dataset("folder", root)


def test_a_float_that_is_none_is_a_bad_sample(tmp_path):
    root = write(tmp_path, np.float32, 1.0)
    Image.fromarray(np.full((32, 48), np.nan, np.float32)).save(root / "images/4.tif")
    problems = check(open_dataset("folder", root)).problems
    assert len(problems) == 1 and "no finite numbers" in problems.problem.iloc[0]


def test_colors_of_16_bits_are_refused_not_cut(tmp_path):
    "Pillow keeps the upper 8 bits without a word, which is black for 12 bits."
    tifffile.imwrite(tmp_path / "deep.tif", np.full((8, 8, 3), 900, np.uint16), photometric="rgb")
    with pytest.raises(UserError, match="can't be read as an image"): to_rgb(tmp_path / "deep.tif")


def test_a_run_predicts_what_it_was_trained_on(tmp_path):
    root = write(tmp_path / "data", np.uint16, 4000, suffix="png")
    recipe = Recipe(encoder="test_resnet", weights="none", size=(64, 96), epochs=1, batch_size=4)
    machine = Machine.choose()
    run = fit(open_dataset("folder", root), recipe, machine, FitOptions(tmp_path / "run"))
    assert Predictor(run.path).card.value_range == (0, 4095)
    # darker images than those that were trained on are read in the run's range, not in one of their own
    darker = write(tmp_path / "darker", np.uint16, 400, suffix="png")
    options = DatasetOptions(**Run(run.path).config.options)
    assert open_dataset("folder", darker, options).value_range == (0, 4095)
    image = open_dataset("folder", root).table.image[0]
    [written] = predict(Predictor(run.path, machine), [image], tmp_path / "out")
    assert np.asarray(Image.open(written.file)).shape == (32, 48)
    with Image.open(image) as file: shallow = Image.fromarray((np.asarray(file) // 16).astype(np.uint8))
    shallow.save(tmp_path / "shallow.png")
    with pytest.raises(UserError, match="shallow.png: has 8 bits.*numbers from 0 to 4095"):
        predict(Predictor(run.path, machine), [tmp_path / "shallow.png"], tmp_path / "out")
    assert evaluate(run.path, machine=machine) is not None


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_a_run_of_8_bits_refuses_16(tmp_path):
    root = write(tmp_path / "data", np.uint8, 250, suffix="png")
    recipe = Recipe(encoder="test_resnet", weights="none", size=(64, 96), epochs=1, batch_size=4)
    run = fit(open_dataset("folder", root), recipe, Machine.choose(), FitOptions(tmp_path / "run"))
    deep = write(tmp_path / "deep", np.uint16, 60_000, suffix="png")
    with pytest.raises(UserError, match="more than 8 bits .*convert it as these were"):
        predict(Predictor(run.path), [deep / "images/0.png"], tmp_path / "out")


def test_what_is_not_read_is_said(tmp_path):
    root = write(tmp_path, np.uint8, 255, suffix="png")
    gray = np.asarray(Image.open(root / "images/0.png"))
    Image.fromarray(np.stack([gray] * 3 + [gray // 2], axis=-1)).save(root / "images/0.png")
    pages = [Image.fromarray(gray), Image.fromarray(255 - gray)]
    (root / "images/1.png").unlink()
    pages[0].save(root / "images/1.tif", save_all=True, append_images=pages[1:])
    note = open_dataset("folder", root).note
    assert "1 image with a channel of transparency, which is left out" in note
    assert "1 image of several pages, of which the first is read" in note


def test_what_the_range_cuts_off_is_said(tmp_path):
    "A file of 16 bits is all white to a model of 12: not without a word."
    Image.fromarray(np.full((8, 8), 60_000, np.uint16)).save(tmp_path / "bright.png")
    with pytest.warns(Note, match="bright.png: holds numbers from 60000 to 60000, where .* white 4095"):
        assert (np.asarray(to_rgb(tmp_path / "bright.png", (0, 4095))) == 255).all()


def test_numbers_of_16_bits_beside_floats_are_refused(tmp_path):
    root = write(tmp_path, np.uint16, 4000, suffix="tif")
    Image.fromarray(np.full((32, 48), 0.5, np.float32)).save(root / "images/4.tif")
    with pytest.raises(UserError, match="0.tif: has numbers of 16 bits, and .*4.tif of 32"):
        open_dataset("folder", root)


def test_unsigned_numbers_of_32_bits_are_not_negative(tmp_path):
    "3e9 is above 2^31, from where Pillow counts down from zero."
    for folder in ("images", "masks"): (tmp_path / folder).mkdir()
    for number in range(4):
        mask = np.zeros((32, 48), np.uint8)
        mask[:, 20 + number:] = 1
        tifffile.imwrite(tmp_path / f"images/{number}.tif", np.where(mask, 3_000_000_000, 1_000_000_000).astype("u4"))
        Image.fromarray(mask).save(tmp_path / f"masks/{number}.png")
    dataset = open_dataset("folder", tmp_path)
    assert dataset.value_range == (1e9, 3e9)
    pixels = dataset.read_pixels(tmp_path / "images/0.tif")
    assert pixels[0, 0].tolist() == [0, 0, 0] and pixels[0, 47].tolist() == [255, 255, 255]
