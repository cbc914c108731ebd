"Training images are smaller in the first epochs, and what is validated isn't."

from dataclasses import replace

import pytest
from fastai.callback.core import Callback
from short_training import RECIPE, SignalAfter, assert_same, refusal, resumed, trained

from linknet_fastai.errors import Interrupted

SMALL_FIRST = replace(RECIPE, size=(128, 96), small_first=0.5, epochs=3)


class Sizes(Callback):
    "The sizes of images, in training and in validation, by epoch."

    def before_fit(self): self.seen = {}

    def before_batch(self):
        self.seen.setdefault((self.epoch, self.training), set()).add(tuple(self.x.shape[-2:]))


@pytest.fixture(scope="module")
def sizes(): return Sizes()


@pytest.fixture(scope="module")
def run(data, tmp_path_factory, sizes):
    return trained(data, tmp_path_factory.mktemp("runs") / "whole", SMALL_FIRST, [sizes])


def test_images_reach_their_size_after_the_first_epochs(run, sizes):
    "1.5 of 3 epochs are 2; three quarters of 128x96 are 96x72, and 96x64 in whole strides."
    assert [sizes.seen[epoch, True] for epoch in range(3)] == [{(96, 64)}, {(96, 64)}, {(128, 96)}]
    assert all(sizes.seen[epoch, False] == {(111, 111)} for epoch in range(3))  # as many pixels as 128x96, in a square


@pytest.mark.parametrize("step", [0, 2])
def test_it_goes_on_as_if_it_had_not_been_stopped(data, tmp_path, run, step):
    with pytest.raises(Interrupted): trained(data, tmp_path / "run", SMALL_FIRST, [SignalAfter(step)])
    assert_same(resumed(tmp_path / "run").path, run.path)


def test_more_epochs_would_move_the_first_part(data, tmp_path):
    trained(data, tmp_path / "run", replace(SMALL_FIRST, schedule="constant", epochs=1))
    assert "were smaller" in refusal(resumed, tmp_path / "run", epochs=4)
