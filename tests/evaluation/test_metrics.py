"The scores of a `Learner`'s validation."

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from fastai.callback.core import FetchPredsCallback
from PIL import Image
from sklearn.metrics import confusion_matrix
from torch import nn

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders, evaluation_dl
from linknet_fastai.evaluation.predictions import image_confusions, predictions
from linknet_fastai.evaluation.scores import Scores
from linknet_fastai.images.mask import VOID
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.training.learner import linknet_learner

CPU = Machine(torch.device("cpu"), "fp32")


@pytest.fixture
def learn(tiny_dataset):
    "Trains with the pixels of 64x96 on masks of 64x64."
    recipe = Recipe(encoder="test_resnet", weights="none", batch_size=4, epochs=1, size=(64, 96))
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(tiny_dataset, recipe, "cpu"), recipe, CPU)
    with learn.no_bar(), learn.no_logging(): yield learn


def by_sklearn(masks: Iterable, predicted: Iterable) -> np.ndarray:
    masks, predicted = (np.concatenate([np.asarray(each).ravel() for each in part]) for part in (masks, predicted))
    return confusion_matrix(masks[masks != VOID], predicted[masks != VOID], labels=range(3))


def test_validation_counts_what_scoring_the_split_counts(learn, tiny_dataset):
    learn.fit(1, 1e-2)
    loss, *metrics = learn.validate()
    validated = learn.confusion.scores
    matrices = image_confusions(predictions(learn.model, learn.dls.valid), 3)
    assert (validated.confusion == matrices.sum(0)).all()
    assert (matrices.sum((1, 2)) > 0).all() and (validated.confusion.sum(0) > 0).sum() > 1  # not all one class
    assert metrics == list(Scores(matrices.sum(0), tiny_dataset.classes).summary().values())
    split = evaluation_dl(tiny_dataset, "val", Recipe(encoder="test_resnet", size=(64, 96), batch_size=3), "cpu")
    assert (image_confusions(predictions(learn.model, split), 3) == matrices).all()


def test_every_pixel_of_the_mask_files_is_scored_but_void(learn, tiny_dataset):
    learn.validate()
    masks = np.concatenate([np.asarray(Image.open(path)).ravel() for path in tiny_dataset.split("val")["mask"]])
    assert learn.confusion.scores.confusion.sum(1).tolist() == np.bincount(masks, minlength=10)[:3].tolist()


def test_validation_is_scored_on_the_model_s_own_predictions(learn):
    learn.validate()
    masks, predicted = [], []
    for images, batch_masks in learn.dls.valid:
        with torch.no_grad(): logits = nn.functional.interpolate(learn.model.eval()(images), (64, 64), mode="bilinear")
        masks.append(batch_masks)
        predicted.append(logits.argmax(1))
    assert (learn.confusion.scores.confusion == by_sklearn(masks, predicted)).all()


def test_training_images_are_not_scored(learn):
    learn.fit(1, 1e-3)
    matrices = image_confusions(predictions(learn.model, learn.dls.valid), 3)
    assert (learn.confusion.scores.confusion == matrices.sum(0)).all()


def test_fastai_s_record_has_the_scores_by_name(learn):
    learn.fit(1, 1e-3)
    assert list(learn.recorder.metric_names) == ["epoch", "train_loss", "valid_loss", *Scores.NAMES, "time"]
    assert learn.recorder.values[-1][2:] == list(learn.confusion.scores.summary().values())


def test_what_is_predicted_within_a_validation_is_not_scored(learn):
    "fastai's callback fetches predictions of the training images in each validation."
    learn.fit(1, 1e-3, cbs=FetchPredsCallback(ds_idx=0))
    matrices = image_confusions(predictions(learn.model, learn.dls.valid), 3)
    assert (learn.confusion.scores.confusion == matrices.sum(0)).all()
    assert learn.recorder.rows[-1]["miou"] == learn.confusion.scores.miou
