"What tests on a GPU share: where there is none, they are skipped with a reason."

import os

import pytest
import torch
from few_streets import FEW_ON_GPU

from linknet_fastai.datasets.streets import IMAGES, streets

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read once, when a process first multiplies matrices


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available(): return
    for item in items:
        if item.get_closest_marker("cuda"): item.add_marker(pytest.mark.skip(reason="there is no CUDA GPU here"))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    "A folder with the drawn street scenes, but few of them."
    with pytest.MonkeyPatch.context() as patch:
        for split, images in FEW_ON_GPU.items(): patch.setitem(IMAGES, split, images)
        root = tmp_path_factory.mktemp("streets")
        streets(root)
    return root


@pytest.fixture
def deterministic():
    "torch's deterministic kernels where it has some; it warns of the others, of which the loss is one."
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)
