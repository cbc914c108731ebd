"Fixtures that several test files share."

import os
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from linknet_fastai.datasets.dataset import SegmentationDataset
from linknet_fastai.images.mask import VOID

SIDE, VOID_VALUE = 64, 9
PALETTE = ((60, 120, 60), (200, 60, 60), (60, 60, 200))

# two processes test at once, and threads that wait for each other's cores are slower than one
if "PYTEST_XDIST_WORKER" in os.environ: os.environ["OMP_NUM_THREADS"] = "1"
# what a shell runs in the background ignores Ctrl-C, and so would the trainings that tests interrupt
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN: signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]):
    "Files with many slow tests come first, so that both processes end at about the same time."
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])  # stable: files stay whole


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    "The user's own cache is left alone, also by the processes that tests start; both that test have one."
    base = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"))
        yield


@pytest.fixture(scope="session")
def cityscapes_root(tmp_path_factory) -> Path:
    "A small Cityscapes: 4 training frames, 3 validation, 2 test, of 64x128."
    from cityscapes_frames import draw_frame
    root, rng = tmp_path_factory.mktemp("cityscapes"), np.random.default_rng(0)
    frames = [("train", "aachen", 4), ("val", "frankfurt", 2), ("val", "munster", 1), ("test", "berlin", 2)]
    for split, city, count in frames:
        for number in range(count): draw_frame(root, split, city, number, rng)
    return root


@pytest.fixture
def tiny_dataset(tmp_path) -> SegmentationDataset:
    "12 images of 64x64, 8 to train on and 4 to validate on: rectangles of three classes, some void, some noise."
    rng = np.random.default_rng(0)
    rows = []
    for number in range(12):
        image, mask = _rectangles(rng)
        paths = tmp_path / f"{number:02}.png", tmp_path / f"{number:02}_mask.png"
        for path, pixels in zip(paths, (image, mask)): Image.fromarray(pixels).save(path)
        rows.append((*paths, "train" if number < 8 else "val"))
    return SegmentationDataset("tiny", "tiny3", ("ground", "wall", "door"), PALETTE,
                               pd.DataFrame(rows, columns=["image", "mask", "split"]),
                               {0: 0, 1: 1, 2: 2, VOID_VALUE: VOID}, root=tmp_path)


def _rectangles(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    "RGB uint8 `[64,64,3]` and its mask, uint8 `[64,64]`, of classes 0, 1, 2 and `VOID_VALUE`."
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    for value in (1, 2, 1, 2, VOID_VALUE):
        top, left = rng.integers(0, SIDE - 24, 2)
        height, width = rng.integers(8, 24, 2)
        mask[top:top + height, left:left + width] = value
    colors = np.zeros((VOID_VALUE + 1, 3))
    colors[:3] = PALETTE
    noisy = colors[mask] + rng.normal(0, 15, (SIDE, SIDE, 3))
    return noisy.clip(0, 255).astype(np.uint8), mask


@pytest.fixture
def without_figures():
    from short_training import undrawn
    with undrawn(): yield


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    "The ONNX file of a tiny run, in the run's folder."
    from command_line import succeed
    from finished_run import finished_run
    run, images = finished_run(tmp_path_factory.mktemp("exported") / "run").path, tmp_path_factory.mktemp("few")
    noise = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise): Image.fromarray(pixels).save(images / f"{number}.png")
    succeed("export", run, "--images", images)
    return run / "model.onnx"
