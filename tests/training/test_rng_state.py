"Random states there and back."

import json
import random

import numpy as np
import torch

from linknet_fastai.training.rng_state import rng_state, set_rng_state


def drawn() -> tuple: return random.random(), np.random.normal(), torch.rand(3).tolist()


def test_what_is_restored_draws_the_same_again_also_after_json():
    np.random.normal()  # numpy draws two, and keeps the second for the next call
    states, tensors = rng_state()
    before = drawn()
    set_rng_state(json.loads(json.dumps(states)), {name: tensor.clone() for name, tensor in tensors.items()})
    assert drawn() == before
    assert drawn() != before
