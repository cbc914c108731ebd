"When a training that gets no better ends, and what is said of it."

from types import SimpleNamespace

import pytest
from fastai.callback.core import CancelFitException

from linknet_fastai.errors import Note
from linknet_fastai.training.early_stopping import Patience


def ends(patience: Patience, mious: list[float], compared_from: int = 0) -> bool:
    "Whether a training of 9 epochs ends after these."
    rows = [{"miou": miou} for miou in mious]
    patience.learn = SimpleNamespace(recorder=SimpleNamespace(rows=rows, compared_from=compared_from), n_epoch=9)
    try: patience.after_epoch()
    except CancelFitException: return True
    return False


def test_it_ends_after_so_many_epochs_without_a_rise():
    assert not ends(Patience(2), [0.1, 0.3, 0.2])
    with pytest.warns(Note, match="after epoch 4 of 9.*highest in epoch 2"):
        assert ends(Patience(2), [0.1, 0.3, 0.2, 0.3])


def test_an_epoch_without_a_score_is_the_lowest():
    nan = float("nan")
    with pytest.warns(Note, match="highest in epoch 2"): assert ends(Patience(2), [nan, 0.0, nan, 0.0])


def test_epochs_with_the_encoder_frozen_don_t_count():
    "What is kept is the highest of all."
    patience = Patience(2, freeze_epochs=3)
    for mious in ([], [0.9, 0.1, 0.1], [0.9, 0.1, 0.1, 0.3, 0.2]): assert not ends(patience, mious)
    with pytest.warns(Note, match="after epoch 6 of 9.*highest in epoch 1"):
        assert ends(patience, [0.9, 0.1, 0.1, 0.3, 0.2, 0.2])
    assert not ends(patience, [0.9, 0.1, 0.1, 0.3, 0.2, 0.2], compared_from=4)


@pytest.mark.parametrize(("schedule", "is_told"), [("one-cycle", True), ("steps", False), ("constant", False)])
def test_only_a_one_cycle_has_an_end_to_come_down_to(schedule, is_told):
    with pytest.warns(Note) as notes: assert ends(Patience(1, schedule=schedule), [0.2, 0.1])
    assert ("one-cycle" in str(notes[0].message)) == is_told
