"Where everything random stands: Python, numpy, torch, and each GPU."

import random

import numpy as np
import torch
from torch import Tensor


def rng_state() -> tuple[dict, dict[str, Tensor]]:
    "What JSON can hold, and what is a tensor."
    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available(): tensors |= {f"cuda{n}": state for n, state in enumerate(torch.cuda.get_rng_state_all())}
    kind, words, *rest = np.random.get_state()
    return {"python": random.getstate(), "numpy": [kind, words.tolist(), *rest]}, tensors


def set_rng_state(states: dict, tensors: dict[str, Tensor]):
    "What `rng_state` gave, also after JSON; a GPU that isn't there any more is left out, a new one keeps its own."
    random.setstate(as_tuples(states["python"]))
    np.random.set_state(as_tuples(states["numpy"]))
    torch.set_rng_state(tensors["torch"])
    for n in range(torch.cuda.device_count()):
        if f"cuda{n}" in tensors: torch.cuda.set_rng_state(tensors[f"cuda{n}"], n)


def as_tuples(value):
    "JSON has lists where random states are tuples."
    return tuple(map(as_tuples, value)) if isinstance(value, list | tuple) else value
