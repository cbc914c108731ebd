"A training on enlarged images: parts of them in training, all of them where it is scored and predicts."

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from short_training import CPU, RECIPE, SignalAfter, assert_same, refusal, resumed, trained
from sklearn.metrics import confusion_matrix

from linknet_fastai.datasets.folder import folder
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.errors import Interrupted
from linknet_fastai.evaluation.result import read_result
from linknet_fastai.runs.run import Run
from linknet_fastai.workflows.fit import seeded_dataloaders

UPSCALED = replace(RECIPE, upscale=1.5)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Run:
    return trained(data, tmp_path_factory.mktemp("upscaled") / "run", UPSCALED)


def classes_of(run: Run, path) -> np.ndarray:
    "What the run's model says of an image of 64x64, by Pillow and torch alone."
    model, card = run.load_model()
    image = Image.open(path).resize((96, 96), Image.Resampling.BILINEAR)
    mean, std = (torch.tensor(values)[:, None, None] for values in (card.mean, card.std))
    pixels = (torch.tensor(np.asarray(image)).permute(2, 0, 1)[None] / 255 - mean) / std
    with torch.inference_mode():
        return F.interpolate(model(pixels), (64, 64), mode="bilinear", align_corners=False)[0].argmax(0).numpy()


def test_training_sees_parts_and_validation_all_of_an_enlarged_image(data):
    dls = seeded_dataloaders(folder(data), UPSCALED, CPU, "train")
    images, masks = dls.train.one_batch()
    assert images.shape[-2:] == masks.shape[-2:] == (64, 64)
    images, masks = dls.valid.one_batch()
    assert images.shape[-2:] == (96, 96) and masks.shape[-2:] == (64, 64)


def test_what_is_shown_in_training_is_enlarged(data):
    "Without zoom, turn and mirror a part of 64x64 of 96x96 shows two thirds of the original's height and width."
    still = replace(UPSCALED, scale=(1, 1), rotation=0, shear=0, jitter=0, flip=False)
    dls = seeded_dataloaders(folder(data), still, CPU, "train")
    walls = [(masks == 1).sum((1, 2)) for _, masks in dls.train]  # of 20x20, so of 30x30 where all of it is seen
    assert torch.cat(walls).max() == 900


def test_its_card_says_the_size_to_predict_at(run):
    assert (run.card.size, run.card.crop, run.card.image_size) == ((96, 96), None, (64, 64))


def test_it_is_scored_as_it_predicts(run, data):
    dataset, expected = folder(data), 0
    for row in dataset.split("val").itertuples():
        classes = classes_of(run, row.image)
        mask = dataset.read_mask(row.mask)
        expected = expected + confusion_matrix(mask.ravel(), classes.ravel(), labels=range(3))
        assert (Predictor(run.path, CPU)(Image.open(row.image)) != classes).sum() <= 1  # but for ties
    assert np.abs(read_result(run).scores.confusion - expected).sum() <= 4


def test_it_goes_on_as_if_it_had_not_stopped(run, data, tmp_path, without_figures):
    with pytest.raises(Interrupted): trained(data, tmp_path / "run", UPSCALED, cbs=[SignalAfter(1)])
    assert_same(resumed(tmp_path / "run").path, run.path)


def test_crops_are_of_images_at_their_own_resolution():
    assert "--upscale" in refusal(lambda: replace(UPSCALED, size=None, crop=(64, 64)))
