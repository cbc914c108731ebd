"The processes of one training."

import pytest
import torch

from linknet_fastai.errors import UserError
from linknet_fastai.runtime.device import Machine
from linknet_fastai.runtime.distributed import process_group


def test_more_processes_than_gpus_are_refused(monkeypatch):
    "Before they meet: NCCL's own words come late, and say nothing of what to do."
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"3 processes .* 2 GPUs.*--device cpu"):
        with process_group(Machine(torch.device("cuda"), "bf16")): pass
