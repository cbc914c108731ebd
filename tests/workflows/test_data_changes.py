"A training goes on with the data that it was begun with, or says what is another."

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fastai.callback.core import CancelFitException
from PIL import Image
from short_training import CPU, RECIPE, At, NoBar, history, refusal, resumed, trained, write_images

from linknet_fastai.datasets import open_dataset
from linknet_fastai.errors import Interrupted, Note, UserError
from linknet_fastai.evaluation.result import describe_protocol, read_result
from linknet_fastai.evaluation.scoring import score
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.listing import list_runs
from linknet_fastai.runs.run import Run
from linknet_fastai.training.early_stopping import Patience
from linknet_fastai.workflows.evaluate import evaluate
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.open_run import learner_from_run
from linknet_fastai.workflows.resume import machine_of
from linknet_fastai.workflows.run_data import data_folder

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def stopped(data, tmp_path_factory) -> Path:
    "A run that was stopped in its second epoch."
    run = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(Interrupted):
        trained(data, run, cbs=[At(1, lambda: os.kill(os.getpid(), signal.SIGTERM))])
    return run


@pytest.fixture
def run(stopped, tmp_path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run"))


@pytest.fixture
def copied(data, tmp_path) -> Path:
    return Path(shutil.copytree(data, tmp_path / "data"))


def in_secret(edit):
    "An edit that leaves the file's size and times as they were."
    def change(path: Path):
        before = path.stat()
        edit(path)
        assert path.stat().st_size == before.st_size
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return change


def edit_mask(root: Path):
    path = root / "masks/train/3.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[40:, :5] = 1
    Image.fromarray(pixels).save(path)


def replace_image(root: Path):
    Image.fromarray(np.random.default_rng(9).integers(0, 255, (64, 64, 3)).astype(np.uint8)).save(
        root / "images/val/2.png")


def swap_splits(root: Path):
    for kind in ("images", "masks"):
        for one, other in (("train", "spare"), ("val", "train"), ("spare", "val")):
            os.rename(root / kind / one, root / kind / other)


def remove(root: Path):
    for kind in ("images", "masks"): (root / kind / "train/5.png").unlink()


def add(root: Path):
    for kind in ("images", "masks"): shutil.copy(root / kind / "train/5.png", root / kind / "train/99.png")


@pytest.mark.parametrize("change, parts", [
    (edit_mask, ["images/train/3.png: its mask is another"]),
    (replace_image, ["images/val/2.png: the image is another"]),
    (swap_splits, ["images/train/0.png: the image is another", "and "]), (remove, ["images/train/5.png is gone"]),
    (add, ["images/train/99.png is new"])], ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_another_is_named(run, copied, change, parts):
    change(copied)
    message = refusal(resumed, run, data=copied)
    for part in [*parts, str(copied), "--data-changed"]: assert part in message


def test_an_edit_that_keeps_size_and_times_is_seen(run, copied):
    path = copied / "images/train/0.png"
    def edit(path): path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")  # behind the pixels
    in_secret(edit)(path)
    assert "images/train/0.png: the image is another" in refusal(resumed, run, data=copied)


def test_classes_of_other_names_are_refused(run, copied):
    "Else old weights would stand under new names."
    (copied / "classes.txt").write_text("wall\nground\ndoor\n")
    assert "classes.txt" in refusal(resumed, run, data=copied)


def test_classes_that_a_dataset_renames_are_named(run, copied):
    Run.open(run).rewrite_config(classes=("wall", "ground", "door"))
    message = refusal(resumed, run, data=copied)
    assert "wall, ground, door" in message and "ground, wall, door" in message
    Run.open(run).rewrite_config(classes=("ground", "wall"))
    assert "2 classes" in refusal(resumed, run, data=copied, data_changed=True)


def test_other_data_may_be_meant(run, copied):
    edit_mask(copied)
    assert list(history(resumed(run, data=copied, data_changed=True).path).epoch) == [1, 2, 3]


@pytest.mark.parametrize("is_edited", [True, False])
def test_scores_on_other_data_are_not_compared(run, copied, is_edited):
    "An mIoU that no epoch to come reaches keeps the model that had it, unless it was had on other masks."
    checkpoints = Run.open(run).checkpoints
    before = checkpoints.read()
    checkpoints.write(replace(before, recorder=before.recorder | {"best": 0.999}))
    if is_edited: edit_mask(copied)
    kept = (run / "model.safetensors").read_bytes()
    resumed(run, data=copied, data_changed=True)
    assert ((run / "model.safetensors").read_bytes() != kept) == is_edited


def test_patience_counts_from_where_the_data_changed():
    rows = [{"miou": miou} for miou in (0.9, 0.1, 0.2, 0.15)]
    patience = Patience(2)
    def ends(compared_from: int) -> bool:
        patience.learn = SimpleNamespace(recorder=SimpleNamespace(rows=rows, compared_from=compared_from), n_epoch=9)
        try: patience.after_epoch()
        except CancelFitException: return True
        return False
    with pytest.warns(Note, match="highest in epoch 1"): assert ends(0)  # three epochs ago
    assert not ends(1)  # the third of them all had the most since


# whose folder it is

def test_a_folder_that_doesn_t_hold_the_samples_is_not_read(run, tmp_path):
    "A stranger's run may name any."
    for folder in ("/", str(tmp_path), str(tmp_path / "none")):
        Run.open(run).rewrite_config(data=folder)
        with pytest.raises(UserError, match="--data"): data_folder(Run.open(run))


def test_nothing_is_drawn_into_the_folder_that_a_run_names(run, tmp_path):
    (tmp_path / "mine").mkdir()
    Run.open(run).rewrite_config(dataset="streets", data=str(tmp_path / "mine"))
    assert "--data" in refusal(resumed, run)
    assert not list((tmp_path / "mine").iterdir())


def test_names_that_lead_out_of_the_folder_don_t_count(run, copied):
    opened = Run.open(run)
    outside = opened.samples.assign(image=[f"../data/{name}" for name in opened.samples.image])
    opened.write_csv("samples.csv", outside)
    opened.rewrite_config(data=str(copied))
    with pytest.raises(UserError, match="--data"): data_folder(opened)


def test_its_own_folder_is_read(run, data, copied):
    assert data_folder(Run.open(run)) == data and data_folder(Run.open(run), copied) == copied


# Scores of other data than the run's

@pytest.fixture
def finished(copied, tmp_path) -> Path:
    "A run of an epoch on `copied`, whose split is a table."
    names = [path.relative_to(copied).as_posix() for path in sorted((copied / "images").rglob("*.png"))]
    lines = [f"{name},{'val' if '/val/' in name else 'train'}" for name in names]
    (copied / "splits.csv").write_text("\n".join(["image,split", *lines]))
    return trained(copied, tmp_path / "finished", Recipe(**vars(RECIPE) | {"epochs": 1})).path


def test_images_that_were_trained_on_are_not_validated_on(finished, copied):
    assert evaluate(finished, "val", CPU).protocol["images"] == 5
    table = copied / "splits.csv"
    table.write_text(table.read_text().replace("images/train/3.png,train", "images/train/3.png,val"))
    assert "was trained on 1 of the 6 val images" in refusal(evaluate, finished, "val", CPU)
    other = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(other).save(copied / "images/train/3.png")  # another image under that name
    assert evaluate(finished, "val", CPU).protocol["images"] == 6


def test_scores_of_other_data_say_so(finished, tmp_path):
    other = write_images(tmp_path / "other data", train=4, val=3)
    result = evaluate(finished, "val", CPU, other)
    assert result.protocol["data"] == "other data" and "on the data in other data" in describe_protocol(result.protocol)
    again = evaluate(finished, "val", CPU, tmp_path / "data")
    assert "data" not in again.protocol and read_result(Run.open(finished), "scores-val").protocol == again.protocol


def test_scores_of_files_that_were_edited_say_so(finished, copied, data):
    "In the run's own folder, and in another of the same names; training masks don't count for validation scores."
    edit_mask(copied)
    assert "data" not in evaluate(finished, "val", CPU).protocol
    assert evaluate(finished, "train", CPU).protocol["data"] == "data, changed since training"
    replace_image(copied)
    for root in (None, copied): assert "data" in evaluate(finished, "val", CPU, root).protocol
    shutil.copy(data / "images/val/2.png", copied / "images/val/2.png")
    assert "data" not in evaluate(finished, "val", CPU).protocol


def test_scores_say_where_a_part_was_trained_on(data, tmp_path):
    run = trained(data, tmp_path / "run", Recipe(**vars(RECIPE) | {"epochs": 1, "train_images": 4}))
    for result in (read_result(run), evaluate(run.path, "val", CPU)):
        assert result.protocol["trained_on"] == "4 of 13 train images"


def test_a_run_on_other_data_is_evaluated_on_them(run, copied, tmp_path):
    "And epochs on those before are not the best of it."
    edit_mask(copied), replace_image(copied)
    opened = Run.open(run)
    before = opened.checkpoints.read()
    rows = [row | {"miou": 0.999} for row in before.recorder["rows"]]
    opened.checkpoints.write(replace(before, recorder=before.recorder | {"rows": rows}))
    resumed(run, data=copied, data_changed=True)
    assert (opened.config.data, opened.config.compared_from) == (str(copied), 1)
    found = evaluate(run, "val", CPU)
    assert "data" not in found.protocol
    np.testing.assert_array_equal(found.scores.confusion, read_result(opened).scores.confusion)
    [[*_, miou]] = list_runs(tmp_path)[0]
    assert miou == f"{100 * read_result(opened).scores.miou:.1f}" and opened.history.miou.max() == 0.999


def test_scores_of_weights_that_are_replaced_meanwhile_are_not_written(finished, monkeypatch):
    def scored_too_late(*words):
        model, card = Run.open(finished).load_model()
        with torch.no_grad(): next(model.parameters()).zero_()
        Run.open(finished).write_model(model, card)
        return score(*words)
    monkeypatch.setattr("linknet_fastai.workflows.evaluate.score", scored_too_late)
    message = refusal(evaluate, finished, "val", CPU)
    assert str(finished / "model.safetensors") in message and "evaluate again" in message
    assert not list(finished.glob("scores-val.*"))


def test_scores_of_the_weights_before_go_when_a_training_goes_on(run):
    Run.open(run).write_json("scores-test.json", {})
    (run / "scores-test.csv").write_text("")
    with pytest.warns(Note, match="scores-test.json in .* were of the weights so far, and are removed"): resumed(run)
    assert sorted(path.name for path in run.glob("scores*")) == ["scores.csv", "scores.json"]


def test_scores_of_a_training_s_middle_go_at_its_end(data, tmp_path):
    "Somebody evaluated meanwhile."
    run = tmp_path / "run"
    trained(data, run, cbs=[At(2, lambda: evaluate(run, "val", CPU))])
    assert sorted(path.name for path in run.glob("scores*")) == ["scores.csv", "scores.json"]


def test_images_that_came_after_a_split_was_drawn_are_told(tmp_path):
    flat = tmp_path / "flat"
    source = write_images(tmp_path / "source", train=10, val=1)
    for kind in ("images", "masks"): shutil.copytree(source / kind / "train", flat / kind)
    shutil.copy(source / "classes.txt", flat)
    with pytest.raises(Interrupted):
        trained(flat, tmp_path / "run", cbs=[At(1, lambda: os.kill(os.getpid(), signal.SIGTERM))])
    for kind in ("images", "masks"): shutil.copy(flat / kind / "0.png", flat / kind / "new.png")
    with pytest.warns(Note, match=r"1 image, such as .*new\.png, in no split of the run"):
        resumed(tmp_path / "run", data_changed=True)


def test_a_final_training_with_a_drawn_split_goes_on(tmp_path):
    "Its validation images are trained on, and still those of the split that was drawn."
    flat = tmp_path / "flat"
    source = write_images(tmp_path / "source", train=10, val=1)
    for kind in ("images", "masks"): shutil.copytree(source / kind / "train", flat / kind)
    shutil.copy(source / "classes.txt", flat)
    stop = At(1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        options = FitOptions(tmp_path / "run", splits="train+val", cbs=(stop,), progress_bar=NoBar())
        fit(open_dataset("folder", flat), RECIPE, CPU, options)
    run = resumed(tmp_path / "run")
    assert list(history(run.path).epoch) == [1, 2, 3]
    assert evaluate(run.path, "val", CPU).protocol["trained_on"] == "train+val"
    assert "was trained on its validation images too" in refusal(learner_from_run, run.path)


# The machine

def test_a_run_goes_on_by_the_device_that_it_was_begun_on(run, monkeypatch):
    opened = Run.open(run)
    monkeypatch.setattr("linknet_fastai.runtime.device._best_device", lambda: "meta")
    assert machine_of(opened) == CPU
    opened.rewrite_config(machine={"device": "cuda:7", "precision": "fp32"})
    monkeypatch.undo()
    with pytest.warns(Note, match="was begun on cuda:7, which isn't on this machine"):
        assert machine_of(opened).device.type == "cpu"
