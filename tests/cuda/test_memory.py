"Where a GPU's memory is full, batches are computed in parts."

import json
import subprocess
import sys

import pytest
from gpu_training import __file__ as gpu_training

pytestmark = pytest.mark.cuda

# what is reserved can't be taken back within a process, so the limit is a child's own
LIMITED = """
import json, sys, warnings
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
import torch
from gpu_training import RECIPE, Machine, trained
from fastai.callback.core import Callback

class Limit(Callback):
    "From the first batch on there are so many bytes beside the model."
    order = 200
    limited = False
    def before_batch(self):
        if self.limited or not self.training: return
        Limit.limited = True
        torch.cuda.empty_cache()
        held = torch.cuda.memory_reserved()
        torch.cuda.set_per_process_memory_fraction((held + ROOM) / torch.cuda.get_device_properties(0).total_memory)

ROOM = int(sys.argv[4])
recipe = replace(RECIPE, size=(512, 640), epochs=1)
with warnings.catch_warnings(record=True) as notes:
    warnings.simplefilter("always")
    run = trained(Path(sys.argv[2]), Path(sys.argv[3]), Machine.choose("cuda", "fp32"),
                  [Limit()] if ROOM else [], recipe)
print(json.dumps({"batch_size": run.checkpoints.read().batch_size, "peak": torch.cuda.max_memory_allocated(),
                  "scored": run.is_scored, "notes": [str(note.message) for note in notes]}))
"""


def train(data, out, room: int) -> dict:
    "What a training left that has `room` bytes beyond its model; 0 is as many as there are."
    command = [sys.executable, "-c", LIMITED, gpu_training, str(data), str(out), str(room)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_batch_that_does_not_fit_is_computed_in_parts(data, tmp_path):
    free = train(data, tmp_path / "free", 0)
    assert free["batch_size"] == 4
    short = train(data, tmp_path / "short", 3 * free["peak"] // 4)
    assert short["scored"] and short["batch_size"] in (1, 2)
    assert any("in parts of" in note for note in short["notes"])
