"The states of all random generators: Python's, numpy's, torch's, and each GPU's."

import random

import numpy as np
import torch
from torch import Tensor


def rng_state() -> tuple[dict, dict[str, Tensor]]:
    "The states that JSON can hold, by name, and those that are tensors."
    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors |= {f"cuda{n}": state for n, state in enumerate(torch.cuda.get_rng_state_all())}
    kind, words, *rest = np.random.get_state()
    return {"python": random.getstate(), "numpy": [kind, words.tolist(), *rest]}, tensors


def set_rng_state(states: dict, tensors: dict[str, Tensor]):
    """Set what `rng_state` gave, also after a way through JSON.

    The state of a GPU that isn't there any more is left out; a GPU that is new keeps its own.
    """
    random.setstate(as_tuples(states["python"]))
    np.random.set_state(as_tuples(states["numpy"]))
    torch.set_rng_state(tensors["torch"])
    for n in range(torch.cuda.device_count()):
        if f"cuda{n}" in tensors: torch.cuda.set_rng_state(tensors[f"cuda{n}"], n)


def as_tuples(value):
    "`value` with tuples for lists, at any depth: JSON has lists where random states are tuples."
    return tuple(map(as_tuples, value)) if isinstance(value, list | tuple) else value
