"A model that predicts at a larger size than it is trained at is scored, and predicts, at that size."

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from short_training import CPU, RECIPE, refusal, trained
from sklearn.metrics import confusion_matrix

from linknet_fastai.datasets.folder import folder
from linknet_fastai.datasets.streets import DEFAULTS as STREETS
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.evaluation.result import read_result
from linknet_fastai.recipes import Recipe, recipe_for
from linknet_fastai.runs.run import Run
from linknet_fastai.workflows.evaluate import evaluate
from linknet_fastai.workflows.speed import measure

LARGER = replace(RECIPE, test_scale=1.5)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Run:
    return trained(data, tmp_path_factory.mktemp("larger") / "run", LARGER)


def test_its_card_has_the_size_that_it_predicts_at(run):
    assert (run.card.size, run.card.image_size) == ((96, 96), (64, 64))
    assert run.recipe.size == (64, 64)


def test_the_scores_are_of_images_of_that_size(run, data):
    "By Pillow, the model, torch's `interpolate` and scikit-learn."
    model, card = run.load_model()
    dataset, expected = folder(data), 0
    for row in dataset.split("val").itertuples():
        image = Image.open(row.image).resize((96, 96), Image.Resampling.BILINEAR)
        pixels = torch.tensor(np.asarray(image)).permute(2, 0, 1)[None] / 255
        mean, std = (torch.tensor(values)[:, None, None] for values in (card.mean, card.std))
        with torch.inference_mode(): logits = model((pixels - mean) / std)
        classes = torch.nn.functional.interpolate(logits, (64, 64), mode="bilinear")[0].argmax(0)
        expected = expected + confusion_matrix(dataset.read_mask(row.mask).ravel(), classes.ravel(), labels=range(3))
    found = read_result(run).scores.confusion
    assert found.sum() == 5 * 64 * 64 and np.abs(found - expected).sum() <= 4  # but for ties
    np.testing.assert_array_equal(evaluate(run.path, "val", CPU).scores.confusion, found)


def test_what_is_predicted_is_what_was_scored(run, data):
    predictor, dataset = Predictor(run.path, CPU), folder(data)
    found = sum(confusion_matrix(dataset.read_mask(row.mask).ravel(), predictor(row.image).ravel(), labels=range(3))
                for row in dataset.split("val").itertuples())
    assert np.abs(found - read_result(run).scores.confusion).sum() <= 4


def test_its_prediction_is_timed_at_that_size():
    speed = measure(replace(LARGER, batch_size=2), 3, CPU)
    assert (speed.size, speed.test_size) == ((64, 64), (96, 96))


def test_crops_and_images_without_zoom_are_predicted_at_their_own_scale():
    assert "--test-scale" in refusal(lambda: Recipe(crop=(64, 64), test_scale=1.25))
    assert recipe_for("best", {}, crop=(256, 256)).test_scale == recipe_for("best", STREETS).test_scale == 1
    assert recipe_for("best", {}).test_scale == 1.25
    assert recipe_for("best", STREETS, test_scale=1.5).test_scale == 1.5
