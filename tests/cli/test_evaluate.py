"`linknet-fastai evaluate`."

import json

import pandas as pd
import pytest
from command_line import assert_refused, linknet, succeed


def test_it_repeats_the_score_of_the_training(run):
    printed = succeed("evaluate", run)
    first, again = (json.loads((run / name).read_text()) for name in ("scores.json", "scores-val.json"))
    assert first == again
    assert "camvid11, val: 4 images at 64x96, 11 classes, void ignored" in printed


def test_it_scores_the_training_images_too(run):
    succeed("evaluate", run, "--split", "train")
    assert json.loads((run / "scores-train.json").read_text())["protocol"]["images"] == 10


def test_it_scores_mirrored_images_and_trimaps_on_request(run):
    printed = succeed("evaluate", run, "--tta", "flip", "--boundary", 3)
    assert "averaged over each image and its mirror image" in printed and "IoU within 3 pixels" in printed
    content = json.loads((run / "scores-val.json").read_text())
    assert content["protocol"]["tta"] == "flip" and content["protocol"]["boundary"] == 3
    # a void column lies between Sky and Road: 2 pixels on either side of it have the other class within 3
    assert sum(map(sum, content["boundary"]["confusion"])) == 4 * 64 * (2 + 2)
    low, high = content["interval"]["miou"]
    assert low <= content["scores"]["miou"] <= high
    table = pd.read_csv(run / "scores-val.csv")
    assert len(table) == 12
    assert table["boundary_iou"].iloc[-1] == pytest.approx(content["boundary"]["scores"]["miou"])


@pytest.mark.parametrize("words, parts", [
    (("--tta", "flipp"), ("'flipp'", "did you mean flip?")), (("--boundary", 0), ("0 pixels",)),
    (("--boundary", 10**30), ("--boundary",)),
    (("--split", "test"), ("test", "train, val"))])
def test_it_names_what_it_can_t_do(run, words, parts):
    assert_refused(linknet("evaluate", run, *words), *parts)


def test_a_folder_without_a_run_is_named(tmp_path):
    assert_refused(linknet("evaluate", "nowhere", cwd=tmp_path), "nowhere")
