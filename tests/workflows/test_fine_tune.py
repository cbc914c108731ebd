"From one run to other classes; frozen epochs; early stopping; weights and classes by hand."

import signal
import warnings
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from folders import stripes, write_folder
from safetensors.torch import load_file
from short_training import undrawn

from linknet_fastai import (
    FitOptions,
    Machine,
    Recipe,
    SegmentationDataLoaders,
    UserError,
    fit,
    folder,
    linknet_learner,
    resume,
)
from linknet_fastai.datasets.streets import DEFAULTS
from linknet_fastai.errors import Interrupted, Note
from linknet_fastai.recipes import recipe_for
from linknet_fastai.runs.run import Run
from linknet_fastai.training.class_weights import class_weights
from linknet_fastai.training.initial_model import check_weights, trained_file

CPU = Machine(torch.device("cpu"), "fp32")
RECIPE = Recipe(encoder="test_resnet", weights="none", upsample="deconv", epochs=2, size=(64, 64), batch_size=2,
                lr=5e-3)


def recipe(**changes) -> Recipe: return Recipe(**vars(RECIPE) | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data"), stripes((0, 1, 2), 8, 64, 64), "ground\nwall\ndoor\n")


@pytest.fixture(scope="module")
def first(data, tmp_path_factory) -> Run:
    with undrawn(): return fit(folder(data), RECIPE, CPU, FitOptions(out=tmp_path_factory.mktemp("runs") / "first"))


def quiet(action, *words, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        return action(*words, **named)


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_a_run_starts_another_with_other_classes(first, tmp_path, name):
    root = write_folder(tmp_path / "data", stripes((0, 1, 2), 8, 64, 64), "door\nroof\nground\n")
    dls = SegmentationDataLoaders.from_dataset(folder(root), RECIPE, "cpu")
    with pytest.warns(Note, match="door, ground too, roof anew"):
        learn = linknet_learner(dls, recipe(weights=str(first.path / name)), CPU)
    state, trained = learn.model.model.state_dict(), load_file(first.model_file)
    for key, value in trained.items():
        if not key.startswith("head.6"): assert torch.equal(state[key], value), key
    assert torch.equal(state["head.6.weight"][:, [0, 2]], trained["head.6.weight"][:, [2, 0]])


@pytest.mark.parametrize("changes, part", [
    (dict(encoder="resnet18"), "--encoder test_resnet"), (dict(upsample="subpixel"), "--upsample deconv")])
def test_another_model_than_the_run_s_is_refused(first, data, changes, part):
    dls = SegmentationDataLoaders.from_dataset(folder(data), RECIPE, "cpu")
    with pytest.raises(UserError, match=part): linknet_learner(dls, recipe(weights=str(first.path), **changes), CPU)


class Lost(Exception): "Stands for a process that is gone."


class LoseAt(Callback):
    "The process is lost when epoch `at` begins to train."

    order = 90

    def __init__(self, at: int): self.at = at

    def before_train(self):
        if self.epoch == self.at: raise Lost("gone")


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
@pytest.mark.parametrize("lost_at", [1, 2, 3])
def test_frozen_epochs_are_resumed_exactly(first, data, tmp_path, lost_at):
    "Lost in the frozen epochs, at their end, and after it."
    settings = recipe(weights=str(first.path), freeze_epochs=2, epochs=2)
    whole = quiet(fit, folder(data), settings, CPU, FitOptions(out=tmp_path / "whole"))
    options = FitOptions(out=tmp_path / "run", cbs=(LoseAt(lost_at),))
    with pytest.raises(Lost): quiet(fit, folder(data), settings, CPU, options)
    run = quiet(resume, tmp_path / "run", CPU)
    one, other = (load_file(path / "last.safetensors") for path in (whole.path, run.path))
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    assert len(run.history) == 4 and run.history.drop(columns="seconds").equals(whole.history.drop(columns="seconds"))


def test_the_encoder_is_frozen_but_for_its_batchnorms(first, data, tmp_path):
    before = load_file(first.model_file)
    settings = recipe(weights=str(first.path), freeze_epochs=1, epochs=1)
    options = FitOptions(out=tmp_path / "run", cbs=(LoseAt(1),))
    with pytest.raises(Lost): quiet(fit, folder(data), settings, CPU, options)
    after = Run.open(tmp_path / "run").checkpoints.read().part("model")
    moved = [key for key in before if key.startswith("encoder") and before[key].ndim == 4
             and not torch.equal(before[key], after[key])]
    assert not moved
    assert any(not torch.equal(before[key], after[key]) for key in before if key.startswith("decoder")
               and before[key].ndim == 4)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_a_training_that_gets_no_better_stops_and_keeps_its_best_epoch(data, tmp_path):
    class Sabotage(Callback):
        "From the second epoch on nothing is predicted but one class."
        def before_validate(self):
            if self.epoch: torch.nn.init.zeros_(self.model.model.head[-1].weight)

    with pytest.warns(Note, match="stopped after epoch 3 of 9.*highest in epoch 1"):
        run = fit(folder(data), recipe(epochs=9, patience=2), CPU, FitOptions(out=tmp_path / "run", cbs=(Sabotage(),)))
    assert list(run.history.epoch) == [1, 2, 3] and run.is_scored
    assert run.load_model()[0].head[-1].weight.abs().sum() > 0
    with pytest.raises(UserError, match="is finished, after 3 epochs"): resume(run.path, CPU)


@pytest.mark.parametrize(("changes", "part"), [
    (dict(weights="none"), "--weights imagenet"), (dict(model="enet", encoder="resnet18", upsample="subpixel"), "ENet"),
    (dict(weights="none", model="segnet", encoder="resnet18", upsample="subpixel"), "--weights imagenet")])
def test_an_encoder_that_begins_at_random_is_not_frozen(data, tmp_path, changes, part):
    with pytest.raises(UserError, match=f"{part}.*--freeze-epochs"):
        fit(folder(data), recipe(freeze_epochs=1, **changes), CPU, FitOptions(out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_nor_is_that_of_streets_own_recipe():
    settings = recipe_for("rapid", DEFAULTS, freeze_epochs=3)
    with pytest.raises(UserError, match="--weights imagenet.*--freeze-epochs"): check_weights(settings)


@pytest.mark.usefixtures("without_figures")
def test_patience_goes_with_a_search_for_the_learning_rate(data, tmp_path):
    "The rows of the search have no mIoU."
    run = fit(folder(data), recipe(lr="auto", patience=2), CPU, FitOptions(out=tmp_path / "run"))
    assert list(run.history.epoch) == [1, 2]


def test_patience_needs_a_validation_score(data, tmp_path):
    with pytest.raises(UserError, match="--patience"):
        fit(folder(data), recipe(patience=2), CPU, FitOptions(out=tmp_path / "run", splits="train+val"))
    assert not (tmp_path / "run").exists()


def test_class_weights_by_hand(data):
    dls = SegmentationDataLoaders.from_dataset(folder(data), RECIPE, "cpu")
    learn = linknet_learner(dls, recipe(class_weights={"door": 7.0}, class_weight_power=1.0), CPU)
    expected = class_weights(dls.class_frequencies)
    assert learn.loss_func.func.weight.tolist() == pytest.approx([*expected[:2], 7])
    with pytest.raises(UserError, match="'dor'.*did you mean door"):
        linknet_learner(dls, recipe(class_weights={"dor": 7.0}), CPU)


def test_an_ignored_class_is_void_in_training_scores_and_predictions(data, tmp_path):
    dataset = folder(data).ignoring(["wall"])
    assert dataset.classes == ("ground", "door") and dataset.protocol == "folder3 without wall"
    mask = dataset.read_mask(data / "masks" / "00.png")
    assert (mask == np.array([0, 255, 1])[stripes((0, 1, 2), 8, 64, 64)[0]]).all()
    run = fit(dataset, RECIPE, CPU, FitOptions(out=tmp_path / "run"))
    reopened = folder(data, run.dataset_options)
    assert reopened.classes == dataset.classes == run.card.classes
    with pytest.raises(UserError, match="'wal'.*did you mean wall"): folder(data).ignoring(["wal"])
    for names, left in ((["wall", "door"], "1 class;"), (["ground", "wall", "door"], "0 classes;")):
        with pytest.raises(UserError, match=f"without {', '.join(names)} folder3 has {left}"):
            folder(data).ignoring(names)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("at", ["scoring", "last epoch"])
def test_a_training_that_patience_ended_ends_there_when_it_is_resumed(data, tmp_path, monkeypatch, at):
    "Stopped while it is scored, or just before patience looks."
    class NoBetter(Callback):
        order = 55  # after the recorder has its row, before what keeps it

        def after_epoch(self):
            if self.epoch: self.recorder.rows[-1]["miou"] = 0.0
            if at == "last epoch" and self.epoch == 2: signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        if at == "scoring": patch.setattr("linknet_fastai.workflows.finish.score", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(Interrupted):
            quiet(fit, folder(data), recipe(epochs=9, patience=2), CPU,
                  FitOptions(out=tmp_path / "run", cbs=(NoBetter(),)))
    run = quiet(resume, tmp_path / "run", CPU)
    assert list(run.history.epoch) == [1, 2, 3] and run.is_scored


def test_a_folder_that_is_called_imagenet_is_none_of_it(tmp_path, monkeypatch):
    "Nor is one that is called none."
    monkeypatch.chdir(tmp_path)
    for name in ("imagenet", "none"):
        (tmp_path / name).mkdir()
        assert trained_file(name) is None
