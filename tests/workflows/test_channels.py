"Images of other than three channels, from a folder to a prediction."

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from linknet_fastai.dataset_options import DatasetOptions
from linknet_fastai.datasets import open_dataset
from linknet_fastai.datasets.check import check
from linknet_fastai.datasets.folder import folder
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.errors import Note, UserError
from linknet_fastai.models.autocast import plain_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.evaluate import evaluate
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.predict import predict
from linknet_fastai.workflows.speed import settings_of

RECIPE = Recipe(encoder="test_resnet", weights="none", size=(64, 96), epochs=1, batch_size=4)


def write(root, channels, kind=np.uint8, highest=255, suffix="tif"):
    "Six images whose last channel alone is bright on the right, and their masks."
    for part in ("images", "masks"): (root / part).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(6):
        mask = np.zeros((32, 48), np.uint8)
        mask[:, 20 + number:] = 1
        values = rng.random((32, 48, channels)) * highest / 2
        values[..., -1] += mask * (highest / 2)
        values[0, 0] = highest
        file = root / f"images/{number}.{suffix}"
        if suffix == "tif": tifffile.imwrite(file, values.astype(kind), photometric="minisblack", planarconfig="contig")
        else: Image.fromarray(values.astype(kind).squeeze()).save(file)
        Image.fromarray(mask).save(root / f"masks/{number}.png")
    return root


def test_four_channels_of_16_bits_from_folder_to_prediction(tmp_path):
    root = write(tmp_path / "data", 4, np.uint16, 4000)
    dataset = open_dataset("folder", root, DatasetOptions(channels=4))
    assert dataset.image_format.channels == 4 and dataset.value_range == (0, 4095)
    assert "images are read with 4 channels" in dataset.note and "12 bits" in dataset.note
    assert check(dataset).problems.empty
    run = fit(dataset, RECIPE, Machine.choose(), FitOptions(tmp_path / "run"))
    assert Run(run.path).dataset_options.channels == 4
    predictor = Predictor(run.path)
    assert predictor.card.channels == 4 and len(predictor.card.mean) == 4
    assert next(plain_model(predictor.model).parameters()).shape[1] == 4
    [written] = predict(predictor, [root / "images/0.tif"], tmp_path / "out")
    assert np.asarray(Image.open(written.file)).shape == (32, 48)
    assert np.asarray(Image.open(tmp_path / "out/0_overlay.png")).shape == (32, 48, 3)
    assert evaluate(run.path) is not None
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(tmp_path / "color.png")
    with pytest.raises(UserError, match="color.png: has 3 channels, and 4 are trained on"):
        predict(predictor, [tmp_path / "color.png"], tmp_path / "out")
    shallow = write(tmp_path / "shallow", 4) / "images/0.tif"
    with pytest.raises(UserError, match="0.tif: has 8 bits, where the training images have numbers from 0 to 4095"):
        predict(predictor, [shallow], tmp_path / "out")


@pytest.mark.slow
def test_gray_of_one_channel(tmp_path):
    root = write(tmp_path / "data", 1, suffix="png")
    run = fit(open_dataset("folder", root, DatasetOptions(channels=1)), RECIPE, Machine.choose(),
              FitOptions(tmp_path / "run"))
    predictor = Predictor(run.path)
    assert (predictor.card.channels, predictor.card.mean) == (1, (0.5,))  # the encoder's own
    assert next(plain_model(predictor.model).parameters()).shape[1] == 1
    assert predictor(root / "images/0.png").shape == (32, 48)
    pages = [Image.fromarray(np.full((32, 48), gray, np.uint8)) for gray in (10, 90)]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    with pytest.warns(Note, match="1 image of several pages, of which the first is read"):
        predict(predictor, [tmp_path / "two.tif"], tmp_path / "out")
    assert settings_of(run.path)[1:] == (2, 1)


def test_a_folder_opened_by_itself_has_the_channels_asked_for(tmp_path):
    assert folder(write(tmp_path, 5), DatasetOptions(channels=5)).channels == 5


def test_channels_are_not_dropped_without_a_word(tmp_path):
    root = write(tmp_path / "data", 5)
    result = check(open_dataset("folder", root))
    assert len(result.problems) == 6
    assert "has 5 channels, and 3 are trained on" in result.problems.problem.iloc[0]
    assert "--channels 5" in result.problems.problem.iloc[0]


def test_colors_read_as_gray_are_said(tmp_path):
    root = write(tmp_path / "data", 3, suffix="png")
    assert "6 images in color, read as gray" in open_dataset("folder", root, DatasetOptions(channels=1)).note


def test_transparency_may_be_trained_on(tmp_path):
    root = write(tmp_path / "data", 4, suffix="png")
    dataset = open_dataset("folder", root, DatasetOptions(channels=4))
    assert "left out" not in dataset.note and check(dataset).problems.empty
    assert dataset.read_pixels(dataset.table.image[0]).shape == (32, 48, 4)


def test_mixed_depths_of_channels_are_refused(tmp_path):
    root = write(tmp_path / "data", 4, np.uint16, 4000)
    tifffile.imwrite(root / "images/3.tif", np.zeros((32, 48, 4), np.uint8), photometric="minisblack",
                     planarconfig="contig")
    with pytest.raises(UserError, match="0.tif: has numbers of more than 8 bits, and .*3.tif has 8"):
        open_dataset("folder", root, DatasetOptions(channels=4))


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_weights_of_another_number_of_channels_are_refused(tmp_path):
    run = fit(open_dataset("folder", write(tmp_path / "gray", 1, suffix="png"), DatasetOptions(channels=1)), RECIPE,
              Machine.choose(), FitOptions(tmp_path / "run"))
    with pytest.raises(UserError, match="was trained on images of 1 channel.*--channels 1"):
        fit(open_dataset("folder", write(tmp_path / "color", 3, suffix="png")), replace(RECIPE, weights=str(run.path)),
            Machine.choose(), FitOptions(tmp_path / "other"))
