"Predictions in the values of the training masks, read again as labels; and corrected polygons as training data."

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from folders import PALETTE, save_colors, stripes, write_folder
from PIL import Image
from short_training import CPU, RECIPE

from linknet_fastai.datasets.folder import folder
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.errors import UserError
from linknet_fastai.runs.tensors import write_tensors
from linknet_fastai.runs.weights import load_card
from linknet_fastai.workflows.evaluate import evaluate
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.predict import PredictOptions, predict

QUICK = replace(RECIPE, epochs=1)


def write_numbers(root: Path): return write_folder(root, stripes((0, 7, 40), 6), "ground\nwall\ndoor\n")


def write_large(root: Path):
    return write_folder(root, [mask.astype(np.uint16) * 200 for mask in stripes((0, 7, 40), 6)])


def write_colors(root: Path):
    return write_folder(root, stripes((0, 1, 2), 6), "ground 0 0 0\nred 200 0 0\ngreen 0 180 0\n",
                        save=save_colors(PALETTE))


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(("write", "values"), [(write_numbers, (0, 7, 40)), (write_large, (0, 1400, 8000)),
                                               (write_colors, PALETTE)], ids=["numbers", "16 bits", "colors"])
def test_predicted_values_are_the_training_masks_and_labels_for_evaluate(tmp_path, write, values):
    run = fit(folder(write(tmp_path / "data")), QUICK, CPU, FitOptions(out=tmp_path / "run"))
    assert load_card(run.path / "model.safetensors").values == values
    predictor, labelled = Predictor(run.path, CPU), tmp_path / "labelled"
    predict(predictor, [tmp_path / "data" / "images"], labelled / "masks", PredictOptions("values"))
    (tmp_path / "data" / "images").rename(labelled / "images")
    for image in (labelled / "images").iterdir():
        mask = np.asarray(Image.open(labelled / "masks" / image.name))
        np.testing.assert_array_equal(mask, np.array(values)[predictor(image)])
    scores = evaluate(run.path, "all", CPU, labelled).scores
    assert scores.pixel_accuracy == 1 and scores.confusion.sum() == 6 * 32 * 48


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("format", ["labelme", "coco"])
def test_predicted_polygons_are_a_dataset(tmp_path, format):
    run = fit(folder(write_numbers(tmp_path / "data")), QUICK, CPU, FitOptions(out=tmp_path / "run"))
    predictor, images = Predictor(run.path, CPU), tmp_path / "data" / "images"
    predict(predictor, [images], images, PredictOptions(format))
    dataset = folder(images)
    for row in dataset.table.itertuples():
        mask, read = predictor(row.image), dataset.read_mask(row.mask)
        names = np.array(("ground", "wall", "door"))[mask]
        assert (np.array(dataset.classes)[read] == names).mean() > 0.9


@pytest.mark.parametrize(("values", "said"), [
    ([0, 7], "2 values for 3 classes"), ([0, 7, 7], "two classes have one value"), ([0, 7, 70000], "70000"),
    ([0, 7, -1], "-1"), ([[0, 0, 0], [1, 1, 1], [2, 2, 256]], "256"), ([0, 7, [1, 2, 3]], "values"),
    ([[0, 0], [1, 1], [2, 2]], "values"), ("abc", "values")])
def test_values_that_can_t_be_are_refused(tmp_path, values, said):
    card = {"encoder": "test_resnet", "upsample": "deconv", "classes": ["a", "b", "c"],
            "palette": [[0, 0, 0], [1, 1, 1], [2, 2, 2]], "size": [8, 8], "mean": [0] * 3, "std": [1] * 3,
            "protocol": "x", "model": "linknet"}
    path = tmp_path / "model.safetensors"
    write_tensors(path, {}, card)
    assert load_card(path).values is None
    write_tensors(path, {}, card | {"values": values})
    with pytest.raises(UserError) as raised: load_card(path)
    assert str(raised.value).startswith(f"{path}: ") and said in str(raised.value)
