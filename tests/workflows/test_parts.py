"Batches that are computed in parts, where memory is short, are the same batches."

from dataclasses import replace

import pytest
import torch
from fastai.callback.core import Callback
from short_training import CPU, RECIPE, At, assert_same, resumed, trained

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import UserError
from linknet_fastai.training.learner import linknet_learner
from linknet_fastai.training.trainer import create_learner
from linknet_fastai.workflows.fit import found_lr

pytestmark = [pytest.mark.usefixtures("without_figures"),
              pytest.mark.filterwarnings("ignore::linknet_fastai.errors.Note")]


class SmallMemory(Callback):
    "Holds two images; `steps` are the epochs and batches after which the weights changed."

    order = -30

    def before_fit(self): self.steps = []

    def before_batch(self):
        if self.training and len(self.xb[0]) > 2: raise torch.OutOfMemoryError("CUDA out of memory.")

    def after_step(self): self.steps.append((self.epoch, self.iter))


@pytest.mark.parametrize(("images", "batch_size", "parts"), [
    (13, 4, [2, 2] * 3), (10, 4, [2, 2] * 2), (3, 8, [2, 1]), (4, 4, [2, 2])])
def test_a_pass_has_the_images_of_whole_batches(data, images, batch_size, parts):
    as_is = dict(flip=False, scale=(1.0, 1.0), rotation=0.0, shear=0.0)
    recipe = replace(RECIPE, train_images=images, batch_size=batch_size, **as_is)
    whole = SegmentationDataLoaders.from_dataset(folder(data), recipe, "cpu")
    in_parts = whole.in_batches_of(4).in_batches_of(2)
    state = whole.train.rng.getstate()
    expected = torch.cat([masks for _, masks in whole.train])
    in_parts.train.rng.setstate(state)
    found = [masks for _, masks in in_parts.train]
    assert [len(masks) for masks in found] == parts and len(in_parts.train) == len(parts)
    assert torch.equal(torch.cat(found), expected)


@pytest.mark.parametrize(("images", "batch_size", "last"), [(10, 4, [1, 3]), (3, 8, [1])])
def test_each_step_is_of_a_whole_batch(data, tmp_path, images, batch_size, last):
    memory = SmallMemory()
    trained(data, tmp_path / "run", replace(RECIPE, train_images=images, batch_size=batch_size, epochs=2), [memory])
    assert memory.steps == [(epoch, batch) for epoch in (0, 1) for batch in last]


def test_a_part_without_a_finite_loss_leaves_none_of_its_epoch_to_the_next(data, tmp_path):
    class Broken(Callback):
        "The first part of the first epoch."
        order = -10

        def after_loss(self):
            if self.training and (self.epoch, self.iter) == (0, 0): self.learn.loss = self.loss * float("nan")

    memory = SmallMemory()
    trained(data, tmp_path / "run", replace(RECIPE, train_images=8, epochs=2), [memory, Broken()])
    assert memory.steps == [(0, 2), (1, 1), (1, 3)]


@pytest.mark.slow
def test_a_training_in_parts_goes_on_as_if_it_had_not_been_stopped(data, tmp_path):
    "10 images are two batches of 4, and 2 that are left out."
    recipe = replace(RECIPE, train_images=10, epochs=2)
    whole = trained(data, tmp_path / "whole", recipe, [SmallMemory()])
    def lose(): raise ValueError("the machine is gone")
    with pytest.raises(ValueError, match="gone"): trained(data, tmp_path / "run", recipe, [SmallMemory(), At(1, lose)])
    assert_same(resumed(tmp_path / "run", cbs=(SmallMemory(),)).path, whole.path)


def test_a_learning_rate_is_searched_for_by_steps_of_whole_batches(data):
    dls = SegmentationDataLoaders.from_dataset(folder(data), RECIPE, "cpu").in_batches_of(2)
    learn, memory = linknet_learner(dls, RECIPE, CPU), SmallMemory()
    with learn.added_cbs(memory): found_lr(learn, RECIPE.batch_size)
    assert memory.steps and all(batch % 2 == 1 for _, batch in memory.steps)


def test_several_processes_go_on_with_no_parts(data, tmp_path, monkeypatch):
    run = trained(data, tmp_path / "run", replace(RECIPE, epochs=1), cbs=[SmallMemory()])
    monkeypatch.setattr("linknet_fastai.training.trainer.world_size", lambda: 2)
    dls = SegmentationDataLoaders.from_dataset(folder(data), RECIPE, "cpu")
    with pytest.raises(UserError, match="batches of 4 were computed in parts of 2.*resume it with one"):
        create_learner(dls, RECIPE, CPU, run.checkpoints.read())
