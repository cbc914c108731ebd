"A small CamVid, and a run on it."

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import TINY, succeed
from PIL import Image


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    "A small CamVid: 10 training and 4 validation images of 64x96, left half Sky, right half Road, a void column."
    root = tmp_path_factory.mktemp("camvid")
    rng = np.random.default_rng(0)
    mask = np.where(np.arange(96)[None] < 48, 0, 3).repeat(64, 0).astype(np.uint8)
    mask[:, 47] = 11
    for split, count in {"train": 10, "val": 4}.items():
        lines = []
        for kind in (split, f"{split}annot"): (root / kind).mkdir()
        for i in range(count):
            noise = rng.integers(0, 60, (64, 96, 3))
            image = np.where(mask[..., None] == 0, 180, 20) + noise
            Image.fromarray(image.astype(np.uint8)).save(root / split / f"{i}.png")
            Image.fromarray(mask).save(root / f"{split}annot" / f"{i}.png")
            lines.append(f"/SegNet/CamVid/{split}/{i}.png /SegNet/CamVid/{split}annot/{i}.png")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def broken(folder, tmp_path) -> Path:
    "A copy of the small CamVid, to break."
    return Path(shutil.copytree(folder, tmp_path / "camvid"))


@pytest.fixture(scope="session")
def run(folder, tmp_path_factory) -> Path:
    "A run of two epochs on the small CamVid."
    out = tmp_path_factory.mktemp("runs") / "first"
    succeed("fit", "camvid", "--data", folder, *TINY, "--epochs", 2, "--out", out)
    return out
