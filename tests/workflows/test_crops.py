"A training on crops from its data to its scores: it goes on where it stopped, and is scored whole."

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from large_images import SIZES, write_large_images
from short_training import CPU, RECIPE, assert_same, refusal, resumed, trained
from sklearn.metrics import confusion_matrix

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import Interrupted
from linknet_fastai.evaluation.result import read_result
from linknet_fastai.evaluation.scoring import ScoringOptions
from linknet_fastai.images.tiling import TileOptions
from linknet_fastai.runs.run import Run
from linknet_fastai.workflows.evaluate import evaluate

CROPS = replace(RECIPE, size=None, crop=(64, 64), rare_crops=0.3)


class SignalAt(Callback):
    "As if Ctrl-C came while a batch of an epoch is computed."

    def __init__(self, epoch: int, batch: int): self.at = epoch, batch

    def before_batch(self):
        if self.training and (self.epoch, self.iter) == self.at: signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    return write_large_images(tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="module")
def run(large, tmp_path_factory) -> Run:
    return trained(large, tmp_path_factory.mktemp("crops") / "run", CROPS)


@pytest.mark.slow
def test_it_goes_on_in_the_middle_of_a_pass_as_if_it_had_not_stopped(run, large, tmp_path, without_figures):
    with pytest.raises(Interrupted): trained(large, tmp_path / "run", CROPS, cbs=[SignalAt(1, 1)])
    assert Run.open(tmp_path / "run").checkpoints.read().images == 8
    assert_same(resumed(tmp_path / "run").path, run.path)


def test_its_card_says_that_it_saw_crops_of_what_images(run):
    card = run.card
    assert (card.size, card.crops, card.crop, card.image_size) == ((64, 64), True, (64, 64), (150, 230))


def test_it_is_scored_at_the_masks_own_resolution(run, large):
    "By the model's logits of the whole image where a tile is that, by scikit-learn."
    result = read_result(run)
    assert (result.protocol["resolution"], result.protocol["tiles"]) == ("2 sizes", "512x512, overlap 0.25")
    assert result.scores.confusion.sum() == sum(height * width for height, width in SIZES["val"])
    tiled = evaluate(run.path, "val", CPU, options=ScoringOptions(tiles=TileOptions((64, 96), 0.5)))
    assert tiled.protocol["tiles"] == "64x96, overlap 0.5"
    assert tiled.scores.confusion.sum(1).tolist() == result.scores.confusion.sum(1).tolist()
    model, card = run.load_model()
    dataset, expected = folder(large), 0
    for row in dataset.split("val").itertuples():
        pixels = torch.tensor(dataset.read_pixels(row.image)).permute(2, 0, 1)[None] / 255
        mean, std = (torch.tensor(values)[:, None, None] for values in (card.mean, card.std))
        with torch.inference_mode(): classes = model((pixels - mean) / std)[0].argmax(0)
        expected = expected + confusion_matrix(dataset.read_mask(row.mask).ravel(), classes.ravel(), labels=range(3))
    assert np.abs(result.scores.confusion - expected).sum() <= 4  # but for ties


def test_what_is_drawn_of_it_shows_whole_images(run):
    assert run.report.is_file() and len(list(run.gallery.glob("*.jpg"))) == 2


def test_a_run_of_whole_images_is_scored_by_tiles_where_that_is_asked_for(large, tmp_path, without_figures):
    whole = trained(large, tmp_path / "run", replace(RECIPE, epochs=1))
    assert "tiles" not in read_result(whole).protocol and not whole.card.crops
    result = evaluate(whole.path, "val", CPU, options=ScoringOptions(tiles=TileOptions((96, 96), 0.5), boundary=2))
    assert result.protocol["tiles"] == "96x96, overlap 0.5" and result.boundary.confusion.sum() > 0


def test_two_settings_that_exclude_each_other_are_named():
    assert "--crop" in refusal(lambda: replace(CROPS, size=(64, 64)))
