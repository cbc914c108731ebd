"Table 1 on a few images: what is trained, kept, scored and written."

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.core import Callback
from finished_run import CONFIG
from PIL import Image

from linknet_fastai.datasets.fingerprint import fingerprint
from linknet_fastai.errors import UserError
from linknet_fastai.evaluation.result import read_result
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.evaluate import evaluate
from linknet_fastai.workflows.table1 import ROWS, Table1Options, is_trained, table1

CPU = Machine(torch.device("cpu"), "fp32")
CHANGES = dict(epochs=1, weights="none", batch_size=4)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    "Two classes, 4 training, 2 validation and 3 test images."
    from linknet_fastai.datasets.folder import folder
    root = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        for part in ("images", "masks"): (root / split / part).mkdir(parents=True)
        for number in range(count):
            mask = rng.integers(0, 2, (8, 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(mask * 200).save(root / split / "images" / f"{number}.png")
            Image.fromarray(mask).save(root / split / "masks" / f"{number}.png")
    (root / "classes.txt").write_text("a\nb\n")
    return folder(root)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_rows_are_trained_once_and_written(small, tmp_path):
    asked = []
    def watch(run, left): asked.append((run, left))
    options = Table1Options(CHANGES, ("enet", "rapid"), seeds=2)
    table = table1(small, tmp_path, CPU, options, watch)
    assert [run for run, _ in asked] == ["enet-0", "rapid-0", "enet-1", "rapid-1"]
    assert asked[0][1] == 1 and sorted((left for _, left in asked), reverse=True) == [left for _, left in asked]
    assert table.row.tolist() == ["enet", "rapid"] and (table.seeds == 2).all()
    scores = [read_result(Run.open(tmp_path / "runs" / f"rapid-{seed}")).scores.miou for seed in (0, 1)]
    assert table.miou[1] == pytest.approx(np.mean(scores))
    assert table.miou_spread[1] == pytest.approx(abs(scores[0] - scores[1]))
    assert table.parameters[0] < 0.4e6 < 11e6 < table.parameters[1]
    again = table1(small, tmp_path, CPU, options, watch)
    assert len(asked) == 4 and again.miou.tolist() == table.miou.tolist()  # nothing was trained a second time
    assert pd.read_csv(tmp_path / "table1.csv").miou.tolist() == pytest.approx(table.miou.tolist())
    epochs = pd.read_csv(tmp_path / "epochs.csv")
    assert list(zip(epochs.row, epochs.seed)) == [("enet", 0), ("enet", 1), ("rapid", 0), ("rapid", 1)]
    assert epochs.miou[2:].tolist() == pytest.approx(scores, abs=1e-4)
    text = (tmp_path / "table1.md").read_text()
    assert "folder2, val: 2 images at 64x64" in text and "trained on train at 64x64; 1 epoch, 2 seeds, cpu" in text
    assert ROWS["enet"].published in text and " ± " in text
    assert ROWS["enet"].published in (tmp_path / "table1.html").read_text()
    Image.open(tmp_path / "table1.png").verify()
    of_test = table1(small, tmp_path, CPU, replace(options, split="test"), watch)
    assert len(asked) == 4  # a table of other frames is of the same trainings
    result = evaluate(tmp_path / "runs" / "enet-0", "test", CPU)
    other = evaluate(tmp_path / "runs" / "enet-1", "test", CPU)
    assert of_test.miou[0] == pytest.approx((result.scores.miou + other.scores.miou) / 2)
    text = (tmp_path / "table1.md").read_text()
    assert "folder2, test: 3 images at 64x64" in text and "the best epoch by the validation frames" in text


class Lost(Callback):
    "Stands for a process that is lost in its second epoch."

    def before_epoch(self):
        if self.epoch == 1: raise ConnectionAbortedError("lost")


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_a_run_that_was_not_finished_goes_on_but_not_with_other_settings(small, tmp_path):
    changes, run = CHANGES | {"epochs": 2, "size": (64, 64)}, tmp_path / "runs" / "enet-0"
    options = Table1Options(changes, ("enet",))
    with pytest.raises(ConnectionAbortedError): table1(small, tmp_path, CPU, options, lambda run, left: Lost())
    before = Run.open(run).history
    with pytest.raises(UserError, match="enet-0.*other settings"):
        table1(small, tmp_path, CPU, Table1Options(CHANGES, ("enet",)))
    table1(small, tmp_path, CPU, options)
    assert list(before.epoch) == [1] and list(Run.open(run).history.epoch) == [1, 2]
    assert Run.open(run).history.seconds[0] == before.seconds[0]  # that epoch was not done again


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_rows_may_be_trained_on_crops(small, tmp_path):
    [row] = table1(small, tmp_path, CPU, Table1Options(CHANGES | {"crop": (64, 64)}, ("enet",))).itertuples()
    assert row.trained_at == "64x64" and 0 < row.miou < 1 and 0 < row.image_dice < 1


def test_what_fit_filled_in_is_no_other_setting(small, tmp_path):
    "The size of the images, 64x64, and the lr that was found."
    path = tmp_path / "rapid-0"
    run = Run.create(path, replace(CONFIG, recipe=asdict(Recipe(size=(64, 64), lr=0.0123))))
    run.write_csv("samples.csv", fingerprint(small))
    asked = Recipe(lr="auto")
    assert not is_trained(path, asked, small)
    run.write_json("scores.json", {})
    assert is_trained(path, asked, small) and is_trained(path, Recipe(lr=0.0123), small)
    for other in (Recipe(), replace(asked, size=(64, 96)), replace(asked, crop=(64, 64)), replace(asked, seed=1)):
        with pytest.raises(UserError, match="rapid-0.*other settings"): is_trained(path, other, small)


def test_scores_of_other_data_are_not_shown(small, tmp_path):
    "One image fewer, or another mask in its place."
    path, asked = tmp_path / "rapid-0", Recipe(size=(64, 64))
    run = Run.create(path, replace(CONFIG, recipe=asdict(asked)))
    run.write_csv("samples.csv", fingerprint(small))
    run.write_json("scores.json", {})
    first, second = small.table.index[small.table.split == "train"][:2]
    other_mask = small.table.copy()
    other_mask.loc[first, "mask"] = other_mask.loc[second, "mask"]
    for table, what in ((small.table.drop(first), "is gone"), (other_mask, "its mask is another")):
        with pytest.raises(UserError, match=f"rapid-0.*other data.*0.png.* {what}.*--out"):
            is_trained(path, asked, replace(small, table=table))
    without_test_frames = small.table[small.table.split != "test"]
    assert is_trained(path, asked, replace(small, table=without_test_frames))  # nothing was trained on them


def test_weights_that_are_not_there_are_told_before_anything_is_trained(small, tmp_path):
    options = Table1Options(CHANGES, ("enet", "segnet"), vgg_weights=str(tmp_path / "vgg.safetensors"))
    asked = []
    with pytest.raises(UserError, match="vgg.safetensors.*`--vgg-weights imagenet`"):
        table1(small, tmp_path / "out", CPU, options, lambda run, left: asked.append(run))
    assert not asked


def test_the_rows_are_the_report_s():
    assert {name: row.recipe.model for name, row in ROWS.items()} == {
        "segnet": "segnet", "enet": "enet", "paper": "linknet", "modified": "linknet", "rapid": "linknet"}
    assert [ROWS[name].recipe.upsample for name in ("paper", "modified")] == ["deconv", "subpixel"]
    assert ROWS["paper"].recipe.optimizer == "rmsprop"


def test_frames_that_are_not_there_are_told_before_anything_is_trained(small, tmp_path):
    table = small.table[small.table.split != "test"].reset_index(drop=True)
    with pytest.raises(UserError, match="test"):
        table1(replace(small, table=table), tmp_path / "out", CPU, Table1Options(CHANGES, split="test"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options, named", [(dict(split="train"), "'train'"),
                                            (dict(only=("enett",)), "'enett'.*did you mean enet"),
                                            (dict(seeds=0), "0 seeds"),
                                            (dict(changes={"minutes": 5}), "epochs.*minutes"),
                                            (dict(changes={"seed": 3}), "--seeds.*`seed`")])
def test_what_can_t_be_is_refused(options, named):
    with pytest.raises(UserError, match=named): Table1Options(**{"changes": CHANGES} | options)
