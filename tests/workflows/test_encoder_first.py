"ENet's encoder is trained alone at first, and what is kept is the whole network."

from dataclasses import replace

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from safetensors.torch import load_file
from short_training import CPU, SignalAfter, assert_same, refusal, resumed, trained, undrawn

from linknet_fastai import learner_from_run
from linknet_fastai.errors import Interrupted, UserError
from linknet_fastai.models.enet import ENet
from linknet_fastai.recipes import Recipe
from linknet_fastai.training.schedules import steps
from linknet_fastai.workflows.fit import refuse_contradictions

RECIPE = Recipe(model="enet", weights="none", optimizer="adam", schedule="steps", encoder_first=0.5, epochs=4,
                size=(64, 64), batch_size=4)


class Weights(Callback):
    "The weights when each epoch begins to train."

    def before_fit(self): self.by_epoch = []

    def before_train(self):
        self.by_epoch.append({name: tensor.clone() for name, tensor in self.model.model.named_parameters()})


@pytest.fixture(scope="module")
def weights(): return Weights()


@pytest.fixture(scope="module")
def run(data, tmp_path_factory, weights):
    with undrawn(): return trained(data, tmp_path_factory.mktemp("runs") / "whole", RECIPE, [weights])


def changed(one: dict, other: dict) -> set[str]:
    "The parts of the network whose parameters differ."
    return {name.split(".")[0] for name in one if not torch.equal(one[name], other[name])}


@pytest.mark.slow
def test_the_decoder_joins_in_at_half_of_the_epochs(run, weights):
    assert [changed(*pair) for pair in zip(weights.by_epoch[:2], weights.by_epoch[1:3])] == 2 * [
        {"encoder", "encoder_head"}]
    assert changed(*weights.by_epoch[2:]) == {"encoder", "up4", "stage4", "up5", "stage5", "head"}


@pytest.mark.slow
def test_the_model_s_file_has_no_head_of_the_encoder(run):
    assert load_file(run.model_file).keys() == ENet(3).state_dict().keys()
    assert learner_from_run(run.path, machine=CPU).validate()[1] == pytest.approx(run.history.miou.max(), abs=1e-6)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 2])
def test_it_goes_on_as_if_it_had_not_been_stopped(data, tmp_path, run, step):
    with pytest.raises(Interrupted): trained(data, tmp_path / "run", RECIPE, [SignalAfter(step)])
    assert_same(resumed(tmp_path / "run").path, run.path)


@pytest.mark.slow
def test_more_epochs_would_move_the_decoder_s_beginning(run):
    assert "--epochs" in refusal(resumed, run.path, epochs=6)


def test_several_processes_are_refused(data, tmp_path, monkeypatch):
    with pytest.raises(Interrupted): trained(data, tmp_path / "run", RECIPE, [SignalAfter(0)])
    monkeypatch.setattr("linknet_fastai.workflows.fit.world_size", lambda: 2)
    assert "--encoder-first" in refusal(resumed, tmp_path / "run")
    assert "--encoder-first" in refusal(trained, data, tmp_path / "other", RECIPE)


def test_a_region_has_one_prediction_for_all_its_pixels():
    model = ENet(3)
    model.add_encoder_head()
    model.encoder_only = True
    logits = model(torch.rand(2, 3, 60, 64))
    assert logits.shape == (2, 3, 60, 64)
    assert torch.equal(logits, logits[..., ::8, ::8].repeat_interleave(8, 2).repeat_interleave(8, 3)[..., :60, :])
    assert model.eval()(torch.rand(2, 3, 60, 64))[..., :8, :8].unique().numel() > 6


def test_learning_rates_begin_anew_with_the_decoder():
    recipe = Recipe(model="enet", schedule="steps", encoder_first=0.5, epochs=400)
    rates = steps(np.array([1.0]), recipe).scheds["lr"]
    found = [rates(epoch / 400).item() for epoch in (0, 99.5, 100.5, 199.5, 200.5, 299.5, 300.5)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 1, 1, 0.1])


def test_learning_rates_fall_with_the_first_batch_of_an_epoch():
    "100 / 161 * 161 is a little less than 100."
    rates = steps(np.array([1.0]), Recipe(schedule="steps", epochs=161)).scheds["lr"]
    assert [rates(epoch / 161).item() for epoch in (99, 100)] == pytest.approx([1, 0.1])


def test_a_decoder_needs_epochs_too():
    for changes in (dict(encoder_first=1.0), dict(encoder_first=0.9)):
        with pytest.raises(UserError, match="leaves the decoder none of 4 epochs"):
            refuse_contradictions(replace(RECIPE, **changes), "train")
    refuse_contradictions(RECIPE, "train")
