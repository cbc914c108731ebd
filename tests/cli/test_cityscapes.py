"Cityscapes from training to what its server takes."

import json

import numpy as np
import pytest
from command_line import TINY, assert_refused, linknet, succeed
from PIL import Image

from linknet_fastai.datasets.cityscapes import LABELS
from linknet_fastai.workflows.predicting.record import FILE as RECORD


@pytest.mark.slow
def test_cityscapes_from_training_to_the_server_s_files(cityscapes_root, tmp_path):
    run, results = tmp_path / "run", tmp_path / "results"
    printed = succeed("fit", "cityscapes", "--data", cityscapes_root, "--size", "64x128", *TINY, "--epochs", 1,
                      "--out", run)
    scores = json.loads((run / "scores.json").read_text())["cityscapes"]
    assert set(scores) == {"class_iou", "class_iiou", "category_iou", "category_iiou", "classes", "categories"}
    assert f"category iIoU {100 * scores['category_iiou']:.1f}" in printed
    assert "category iIoU" in succeed("evaluate", run)
    assert_refused(linknet("evaluate", run, "--split", "test"), "test")

    succeed("predict", run, cityscapes_root / "leftImg8bit/test", "--format", "cityscapes", "--out", results)
    files = sorted(path.name for path in results.iterdir() if path.name != RECORD)
    assert files == ["berlin_000000_000019_labelIds.png", "berlin_000001_000019_labelIds.png"]
    image = Image.open(results / files[0])
    assert image.mode == "L" and image.size == (128, 64)
    assert set(np.unique(image)) <= {label.id for label in LABELS if label.scored}
