"Each image normalized by itself, before a model."

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import stripes, write_folder
from short_training import undrawn

from linknet_fastai import FitOptions, Machine, Predictor, Recipe, UserError, fit, folder
from linknet_fastai.models.factory import MODELS, create_model, describe_model
from linknet_fastai.models.pixels import input_norm
from linknet_fastai.runs.run import Run
from linknet_fastai.training.initial_model import initial_model

CPU = Machine(torch.device("cpu"), "fp32")
RECIPE = Recipe(encoder="test_resnet", weights="none", epochs=1, size=(64, 64), batch_size=2, lr=5e-3,
                instance_norm=True)


def test_two_pixels_are_one_deviation_below_and_above_their_mean():
    images = torch.tensor([[[[1.0, 5.0]], [[-10.0, -30.0]]]])
    assert torch.allclose(input_norm(True)(images), torch.tensor([[[[-1.0, 1.0]], [[1.0, -1.0]]]]), atol=1e-5)
    assert torch.equal(input_norm(False)(images), images)


def test_it_is_what_torch_s_own_gives():
    images = torch.rand(3, 5, 20, 30, generator=torch.Generator().manual_seed(0)) * 4 - 2
    expected = torch.nn.InstanceNorm2d(5)(images)
    for layout in (torch.contiguous_format, torch.channels_last):
        assert torch.allclose(input_norm(True)(images.contiguous(memory_format=layout)), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (20, 30)])
def test_images_of_one_color_become_zeros(size):
    assert torch.equal(input_norm(True)(torch.full((1, 3, *size), 0.7)), torch.zeros(1, 3, *size))


@pytest.mark.parametrize("name", MODELS)
def test_models_see_no_light(name):
    "Brightness and contrast of each channel, changed; another image in the batch, and borders that are padded."
    torch.manual_seed(0)
    plain, normed = (create_model(name, 4, "test_resnet", "none", instance_norm=norm).eval() for norm in (False, True))
    normed.load_state_dict(plain.state_dict())
    images = torch.rand(2, 3, 50, 70)
    darker = images * torch.tensor([0.3, 0.5, 0.4])[:, None, None] - torch.tensor([1.0, 0.2, 0.0])[:, None, None]
    def mean_change(one, other) -> float: return ((one - other).abs().mean() / one.std()).item()

    with torch.inference_mode():
        logits = normed(images)
        assert mean_change(logits, normed(darker)) < 1e-3
        assert mean_change(logits[:1], normed(images[:1])) < 1e-3
        assert mean_change(plain(images), plain(darker)) > 0.01


def test_it_has_no_weights_and_is_named():
    states = [create_model("linknet", 4, "test_resnet", "none", instance_norm=norm).state_dict()
              for norm in (False, True)]
    assert states[0].keys() == states[1].keys()
    for model in MODELS:
        recipe = Recipe(model=model, instance_norm=True)
        assert describe_model(recipe) == f"{describe_model(replace(recipe, instance_norm=False))}, instance norm"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    data = write_folder(tmp_path_factory.mktemp("data"), stripes((0, 1, 2), 6, 64, 64), "ground\nwall\ndoor\n")
    with undrawn(): return fit(folder(data), RECIPE, CPU, FitOptions(tmp_path_factory.mktemp("runs") / "run"))


def test_a_run_predicts_as_it_was_trained(run: Run):
    "With weights that are the same whether it is or not, only the card tells."
    assert run.card.instance_norm and run.recipe.instance_norm
    pixels = np.random.default_rng(0).integers(60, 200, (64, 64, 3)).astype(np.uint8)
    darker = (pixels // 2).astype(np.uint8)
    probabilities = [Predictor(run.path, CPU).probabilities(each) for each in (pixels, darker)]
    np.testing.assert_allclose(*probabilities, atol=0.02)  # half of the levels are rounded


def test_a_run_starts_only_its_like(run: Run):
    weights = str(run.path)
    with pytest.raises(UserError, match="with instance norm; pass `--instance-norm`"):
        initial_model(replace(RECIPE, weights=weights, instance_norm=False), run.card.classes)
    with pytest.warns(match="encoder and decoder start"):
        initial_model(replace(RECIPE, weights=weights), run.card.classes)


def test_a_run_without_it_is_no_start_for_one_with_it(run: Run, tmp_path: Path):
    model, card = run.load_model()
    plain = Run(tmp_path)
    plain.write_model(model, replace(card, instance_norm=False))
    with pytest.raises(UserError, match="without instance norm; pass `--no-instance-norm`"):
        initial_model(replace(RECIPE, weights=str(tmp_path)), card.classes)
