"The time that a training takes, and the training that a time allows."

import warnings
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from fastai.callback.core import CancelTrainException
from PIL import Image
from safetensors.torch import load_file
from short_training import CPU, RECIPE, At, NoBar, assert_same, resumed, trained, write_images

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import Note, UserError
from linknet_fastai.recipes import MOST_EPOCHS, Recipe, recipe_for
from linknet_fastai.training import pace as pace_module
from linknet_fastai.training.pace import PROMISED, TOLD, Pace, StepTimes
from linknet_fastai.workflows import time_plan
from linknet_fastai.workflows.fit import FitOptions, fit, planned, seeded_dataloaders

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def twice_as_large(tmp_path_factory):
    "The same images of 128x128."
    root = write_images(tmp_path_factory.mktemp("large"))
    for file in root.rglob("*.png"):
        with Image.open(file) as image: larger = image.resize((128, 128), Image.Resampling.NEAREST)
        larger.save(file)
    return root


@pytest.fixture
def pace(monkeypatch):
    "Set how long a step and a validation take at 64x64: what is measured is that, by the pixels, whatever the machine."
    def pace(step: float, validation: float):
        def measured(learn, enough):
            height, width = learn.dls.train.dataset.image_size
            return Pace(step, len(learn.dls.train), validation).scaled(height * width / 64**2)
        monkeypatch.setattr(time_plan, "measure_pace", measured)
    return pace


class Planned(Exception):
    "Ends a training before it begins, with its plan."


def plan_of(data, **settings):
    "What a training on `data` by `settings` would be."
    def stop(plan): raise Planned(plan)
    with pytest.raises(Planned) as planned:
        fit(folder(data), Recipe(**vars(RECIPE) | settings), CPU, FitOptions(on_plan=stop))
    return planned.value.args[0]


def test_seconds_by_hand():
    measured = Pace(step=2, steps=10, validation=5)
    assert measured.epoch == 25
    assert measured.seconds(4) == 4 * 25 + 2 * 5 + 8  # scores and the report predict all images again; charts take 8
    assert measured.scaled(0.25) == Pace(0.5, 10, 1.25)
    assert Pace(2, 10, 0).seconds(3) == 60  # nothing is validated, and nothing of it drawn


def test_saving_and_a_search_take_time_too():
    measured = Pace(step=2, steps=10, validation=5, saving=1, searched=100)
    assert measured.epoch == 26 and measured.beside == 100 * 2 + 2 * 5 + 8
    assert measured.scaled(0.25) == Pace(0.5, 10, 1.25, 1, 100)  # weights are as large, whatever the images


def test_a_search_for_the_learning_rate_is_part_of_the_minutes(data, pace):
    pace(step=1.0, validation=2.0)  # 100 s to search, an epoch 5, the end 12
    plan = plan_of(data, minutes=136 / 60, lr="auto")
    assert plan.recipe.epochs == 4  # (136 - 100 - 12 - what was read meanwhile) / 5


def test_frozen_epochs_are_among_them_or_too_many(data, pace, tmp_path):
    weights = trained(data, tmp_path / "run", Recipe(**vars(RECIPE) | {"epochs": 1})).path
    pace(step=1.0, validation=2.0)
    def plan_after(freeze_epochs: int):
        return plan_of(data, minutes=36 / 60, weights=str(weights), freeze_epochs=freeze_epochs)
    plan = plan_after(3)
    assert (plan.recipe.freeze_epochs, plan.recipe.epochs) == (3, 1)
    with pytest.raises(UserError, match="4 epochs.*--freeze-epochs"): plan_after(4)


def test_long_minutes_have_no_more_epochs_than_a_training_may(data, pace):
    pace(step=1e-4, validation=1e-4)
    assert plan_of(data, minutes=120).recipe.epochs == MOST_EPOCHS


def test_minutes_are_filled_with_epochs(data, pace):
    pace(step=1.0, validation=2.0)  # 3 steps: an epoch takes 5 s, the end 12
    plan = plan_of(data, minutes=0.6)
    assert plan.recipe.epochs == 4  # (36 - 12 - what was read meanwhile) / 5
    assert plan.seconds == pytest.approx(plan.spent + 4 * 5 + 12)


def test_a_training_of_minutes_is_that_of_its_epochs(data, tmp_path, pace):
    plain = trained(data, tmp_path / "plain", Recipe(**vars(RECIPE) | {"epochs": 2}))
    pace(step=1.0, validation=2.0)
    timed = trained(data, tmp_path / "timed", Recipe(**vars(RECIPE) | {"minutes": 25 / 60}))
    assert (timed.recipe.minutes, timed.recipe.epochs) == (25 / 60, 2)
    ours, theirs = (load_file(run.path / "model.safetensors") for run in (timed, plain))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_a_training_of_minutes_goes_on_as_any_other(data, tmp_path, pace):
    pace(step=1.0, validation=2.0)
    recipe = Recipe(**vars(RECIPE) | {"minutes": 30 / 60})  # 3 epochs, whatever is left of the time then
    whole = trained(data, tmp_path / "whole", recipe)
    def lose(): raise ValueError("the machine is gone")
    with pytest.raises(ValueError, match="gone"): trained(data, tmp_path / "run", recipe, [At(2, lose)])
    assert_same(resumed(tmp_path / "run").path, whole.path)


def test_a_measured_training_starts_as_one_that_was_not_measured(data, tmp_path, monkeypatch):
    told = []
    measured = fit(folder(data), RECIPE, CPU, FitOptions(tmp_path / "measured", on_plan=told.append))
    plain = trained(data, tmp_path / "plain")  # nobody is told how long it takes
    assert len(told) == 1
    assert measured.history.train_loss.tolist() == plain.history.train_loss.tolist()


@pytest.mark.parametrize(("seconds", "enough", "steps"), [
    (0.25, TOLD, 7), (0.25, PROMISED, 19), (3.0, TOLD, 5), (3.0, PROMISED, 5), (0.125, PROMISED, 22)])
def test_steps_are_timed_until_they_are_enough(monkeypatch, seconds, enough, steps):
    "After 2 that don't count more than 1 or 4 seconds of them, at least 3 and at most 20."
    clock = count(0.0, seconds)
    monkeypatch.setattr(pace_module.time, "perf_counter", lambda: next(clock))
    timed = StepTimes(enough)
    timed.learn = SimpleNamespace(dls=SimpleNamespace(device=torch.device("cpu")), training=True)
    timed.before_train()
    with pytest.raises(CancelTrainException):
        for _ in range(100): timed.after_batch()
    timed.after_train()
    assert len(timed.seconds) == steps and timed.step == seconds


@pytest.mark.parametrize(("minutes", "enough"), [(None, TOLD), (1000.0, PROMISED)])
def test_minutes_are_measured_with_more_care_than_a_line(data, monkeypatch, minutes, enough):
    asked = []
    def measured(learn, enough):
        asked.append(enough)
        return Pace(1.0, 3, 1.0)
    monkeypatch.setattr(time_plan, "measure_pace", measured)
    plan_of(data, minutes=minutes)
    assert asked == [enough]


def test_what_is_measured_is_about_what_it_takes(data, tmp_path):
    told = []
    run = fit(folder(data), RECIPE, CPU, FitOptions(tmp_path / "run", progress_bar=NoBar(), on_plan=told.append))
    assert told[0].pace.steps == 3
    assert 0.1 < told[0].pace.epoch / run.history.seconds.median() < 10  # other work comes and goes


@pytest.mark.parametrize(("epochs", "size"), [(1.0, (128, 128)), (0.99, (90, 90)), (0.1, (64, 64))])
def test_where_epochs_are_few_images_are_smaller(twice_as_large, pace, epochs, size):
    pace(step=1000.0, validation=500.0)  # at 128x128 an epoch takes 3 * 4000 + 2000 = 14000 s, the end 4008 s
    seconds = 4008 + 14000 * time_plan.SIZES[1.0] * epochs + 200  # 200 to read in: no machine is that slow
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", Note)
        plan = plan_of(twice_as_large, minutes=seconds / 60, size=None)
    assert plan.recipe.size == size
    assert any("128x128" in str(note.message) for note in notes) == (size != (128, 128))


def test_a_size_that_was_given_stays(data, pace):
    pace(step=400.0, validation=200.0)  # an epoch 1400 s, the end 408
    plan = plan_of(data, minutes=3900 / 60)
    assert (plan.recipe.size, plan.recipe.epochs) == ((64, 64), 2)


def test_where_not_even_two_epochs_fit_some_images_are_left_out(data, tmp_path, pace):
    pace(step=400.0, validation=200.0)
    # 2408 - 408 - 2 * 200 = 1600 s are 4 steps, 2 an epoch; 100 are to read in
    recipe = Recipe(**vars(RECIPE) | {"minutes": 2508 / 60})
    with pytest.warns(Note, match="8 of 13 images"): run = trained(data, tmp_path / "run", recipe)
    assert run.recipe.train_images == 8 and len(run.history) == 2


def test_two_epochs_of_fewer_images_are_trained_however_long_they_take_to_open(data, pace, monkeypatch):
    "Opened once more they take time again, which is taken off before they are counted."
    pace(step=400.0, validation=200.0)
    clock, opened = [0.0], []
    monkeypatch.setattr(time_plan.time, "monotonic", lambda: clock[0])
    def open_dataloaders(recipe):
        opened.append(recipe.train_images)
        clock[0] += 100.0
        return seeded_dataloaders(dataset, recipe, CPU, "train")
    dataset = folder(data)
    # 2608 - 100 - 100 once more - 408 at the end - 2 * 200 = 1600 s are 4 steps, 2 an epoch
    recipe = Recipe(**vars(RECIPE) | {"minutes": 2608 / 60})
    plan, _ = time_plan.plan_time(dataset, recipe, CPU, open_dataloaders, started=0)
    assert (opened, plan.recipe.epochs) == ([None, 8], 2) and plan.seconds == 2608


def test_of_crops_some_images_are_left_out_too(twice_as_large, monkeypatch):
    "13 images of 128x128 are 52 crops of 64x64, 13 steps of 4."
    monkeypatch.setattr(time_plan, "measure_pace", lambda learn, enough: Pace(400, len(learn.dls.train), 200))
    # 408 at the end, 2 * 200, and 2 * 6 steps: of 13 steps for 13 images, 6 are for 6; 100 are to read in
    with pytest.warns(Note, match="6 of 13 images"):
        plan = plan_of(twice_as_large, minutes=(408 + 400 + 12 * 400 + 100) / 60, size=None, crop=(64, 64))
    assert plan.pace.steps == 6 and plan.recipe.epochs == 2


def test_too_short_a_time_is_refused(data, pace):
    pace(step=60.0, validation=30.0)
    with pytest.raises(UserError, match=r"0\.5 minutes .*--minutes"): plan_of(data, minutes=0.5)


def test_several_processes_measure_nothing(data, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    options, recipe = FitOptions(on_plan=pytest.fail), Recipe(**vars(RECIPE) | {"minutes": 5.0})
    with pytest.raises(UserError, match="--minutes"): planned(folder(data), recipe, CPU, options, 0.0)


def test_where_memory_is_short_parts_of_batches_are_measured(data, monkeypatch):
    def measured(learn, enough):
        if learn.dls.train.bs > 2: raise torch.OutOfMemoryError("CUDA out of memory.")
        return Pace(1.0, len(learn.dls.train), 2.0)
    monkeypatch.setattr(time_plan, "measure_pace", measured)
    with pytest.warns(Note, match="batches of 4 are computed in parts of 2"): plan = plan_of(data)
    assert plan.pace.steps == 6 and plan.recipe.batch_size == 4  # 13 images in parts of 2, the last left out


def test_of_parts_some_images_are_left_out_too(data, monkeypatch):
    def measured(learn, enough):
        if learn.dls.train.bs > 2: raise torch.OutOfMemoryError("CUDA out of memory.")
        return Pace(400.0, len(learn.dls.train), 200.0)
    monkeypatch.setattr(time_plan, "measure_pace", measured)
    # 408 at the end, 2 * 200, and 2 * 4 steps of 2 images; 100 are to read in
    with pytest.warns(Note, match="8 of 13 images"): plan = plan_of(data, minutes=(408 + 400 + 8 * 400 + 100) / 60)
    assert plan.pace.steps == 4


def test_an_image_that_doesn_t_fit_is_one_message(data, monkeypatch):
    def measured(learn, enough): raise torch.OutOfMemoryError("CUDA out of memory.")
    monkeypatch.setattr(time_plan, "measure_pace", measured)
    with pytest.raises(UserError, match="1 images of 64x64 don't fit .*--size"): plan_of(data)


def test_minutes_and_epochs_are_one_too_many():
    with pytest.raises(UserError, match="--epochs"): recipe_for("rapid", {}, minutes=5.0, epochs=3)
