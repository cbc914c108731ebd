"Tests that need a CUDA GPU: `pytest -m cuda -n 0`; benchmarks/cuda.sh runs them."

from pathlib import Path

import pytest
import torch
from short_training import write_images

from linknet_fastai.runtime.device import Machine

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]):
    without = pytest.mark.skip(reason="there is no CUDA GPU here")
    for item in items:
        if HERE not in item.path.parents: continue
        item.add_marker(pytest.mark.cuda)
        if not torch.cuda.is_available(): item.add_marker(without)


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(params=["bf16", "fp16", "fp32"])
def machine(request) -> Machine:
    "The GPU in each number format."
    return Machine.choose("cuda", request.param)
