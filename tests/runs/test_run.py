import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from finished_run import CONFIG
from matplotlib.figure import Figure
from PIL import Image

from linknet_fastai.errors import UserError
from linknet_fastai.files import writable_folder, atomic_write
from linknet_fastai.models.linknet import linknet
from linknet_fastai.evaluation.result import Result
from linknet_fastai.runs.run import Run, new_run_path
from linknet_fastai.evaluation.scores import Scores
from linknet_fastai.runs.tensors import FORMAT
from linknet_fastai.runs.weights import ModelCard
from linknet_fastai.recipes import Recipe

PROTOCOL = {"name": "tiny3", "split": "val"}


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(tmp_path / "run", CONFIG)


def strict_json(path: Path) -> dict:
    "JSON as the standard has it: without NaN and Infinity."
    def refuse(constant: str): raise ValueError(f"{constant} is not JSON")
    return json.loads(path.read_text(), parse_constant=refuse)


# files

def test_written_whole_puts_the_file_in_place_at_the_end(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old" and temporary.parent == path.parent and temporary.suffix == ".txt"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), UserError("no.")], ids=lambda e: type(e).__name__)
def test_written_whole_keeps_the_old_file_when_the_body_raises(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(type(error)) as raised, atomic_write(path) as temporary:
        temporary.write_text("ne")
        raise error
    assert raised.value is error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_written_whole_leaves_nothing_where_nothing_was(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "file.txt") as temporary: temporary.write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_written_whole_names_the_file_that_can_t_be_written(tmp_path):
    path = tmp_path / "none" / "file.txt"
    with pytest.raises(UserError) as raised, atomic_write(path) as temporary: temporary.write_text("new")
    assert str(raised.value).startswith(f"{path}: can't be written (No such file or directory)")


def test_written_whole_does_not_replace_a_folder(tmp_path):
    (tmp_path / "folder" / "kept").mkdir(parents=True)
    with pytest.raises(UserError, match="can't be written"), atomic_write(tmp_path / "folder") as temporary:
        temporary.write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "kept"]


def test_a_writable_folder_is_made_with_its_parents(tmp_path):
    path = tmp_path / "a" / "b"
    assert writable_folder(path) == path and path.is_dir() and list(path.iterdir()) == []
    assert writable_folder(path) == path


def test_a_folder_that_can_t_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError) as raised: writable_folder(path)
        assert str(raised.value).startswith(f"{path}: can't be written to") and "--out" in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="can't be written to"): writable_folder(tmp_path)


# create and open

def test_what_is_created_can_be_opened(run):
    opened = Run.open(str(run.path))
    assert opened.config == CONFIG and strict_json(opened.config_file)["format"] == FORMAT
    assert opened.figures.is_dir()


def test_a_run_is_not_created_over_another(run):
    with pytest.raises(UserError) as raised: Run.create(run.path, replace(CONFIG, dataset="other"))
    assert str(raised.value).startswith(f"{run.path}: there is a run in this folder already")
    assert Run.open(run.path).config.dataset == "tiny"


def test_a_run_is_created_in_a_folder_with_other_things(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    Run.create(tmp_path, CONFIG)
    assert (tmp_path / "notes.txt").read_text() == "mine" and Run.open(tmp_path).config.dataset == "tiny"


def test_a_folder_without_a_run_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError) as raised: Run.open(path)
        assert str(raised.value).startswith(f"{path}: holds no run")


@pytest.mark.parametrize("config", [{"format": FORMAT + 1}, {}])
def test_a_run_of_another_version_is_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError) as raised: Run.open(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path}: is a run of format {config.get('format')}, this program reads {FORMAT}")


@pytest.mark.parametrize("content", [b"", b'{"format": 1', b"\xff\xfe"])
def test_a_damaged_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError) as raised: Run.open(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path / 'config.json'}: is damaged")


@pytest.mark.parametrize(("change", "said"), [
    ({"recipe": None}, "recipe: "), ({"images": {"train": "many"}}, "images.train: "), ({"dataset": ["tiny"]}, "dataset: ")],
    ids=lambda value: str(value)[:20])
def test_a_config_with_a_wrong_value_is_named_with_the_place(run, change, said):
    run.config_file.write_text(json.dumps({"format": FORMAT, **asdict(CONFIG), **change}))
    with pytest.raises(UserError) as raised: Run.open(run.path)
    assert str(raised.value).startswith(f"{run.config_file}: is damaged ({said}")


def test_a_config_that_lacks_a_value_is_named_with_the_place(run):
    run.config_file.write_text(json.dumps({"format": FORMAT}))
    with pytest.raises(UserError, match=r"config.json: is damaged \(dataset: "): Run.open(run.path)


@pytest.mark.parametrize("recipe", [{"size": [360]}, {"epochs": "ten"}, {"scale": 1}], ids=str)
def test_a_recipe_with_a_wrong_value_is_named(run, recipe):
    run.write_recipe(recipe)
    with pytest.raises(UserError) as raised: Run.open(run.path).recipe_as(Recipe)
    assert str(raised.value).startswith(f"{run.config_file}: is damaged ({next(iter(recipe))}")


def test_a_recipe_comes_back_as_it_was(run):
    recipe = Recipe(size=(352, 480), lr="auto", scale=(0.5, 2.0))
    run.write_recipe(asdict(recipe))
    assert Run.open(run.path).recipe_as(Recipe) == recipe


@pytest.mark.parametrize("content", ["{}", '{"classes": 5}', '{"classes": [], "confusion": [["x"]], "protocol": {}, "interval": {}}'])
def test_scores_that_lack_something_are_named(run, content):
    (run.path / "scores.json").write_text(content)
    with pytest.raises(UserError) as raised: run.result()
    assert str(raised.value).startswith(f"{run.path / 'scores.json'}: is damaged")


def test_a_config_that_is_no_object_is_named(tmp_path):
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UserError): Run.open(tmp_path)


def test_new_runs_are_numbered(tmp_path):
    assert new_run_path("tiny", tmp_path) == tmp_path / "tiny-1"
    for number in (1, 3): (tmp_path / f"tiny-{number}").mkdir()
    assert new_run_path("tiny", tmp_path) == tmp_path / "tiny-2"


# what a run holds

def test_scores_come_back_with_nan_through_strict_json(run):
    "A class that never occurs has no IoU: null in the file, nan again when read."
    scores = Scores(np.array([[5, 1, 0], [2, 8, 0], [0, 0, 0]]), ("sky", "road", "tree"))
    run.write_result("scores", Result(scores, PROTOCOL, (0.25, 0.75)))
    content = strict_json(run.path / "scores.json")
    assert content["protocol"] == PROTOCOL and content["confusion"] == [[5, 1, 0], [2, 8, 0], [0, 0, 0]]
    assert content["scores"]["pixel_accuracy"] == 13 / 16 and content["interval"] == {"miou": [0.25, 0.75]}
    assert content["classes"][0] == {"class": "sky", "iou": 5 / 8, "accuracy": 5 / 6, "dice": 10 / 13, "share": 6 / 16}
    assert content["classes"][2] == {"class": "tree", "iou": None, "accuracy": None, "dice": None, "share": 0}
    result = run.result()
    found = result.scores
    assert result.protocol == PROTOCOL and result.interval == (0.25, 0.75) and found.classes == scores.classes and (found.confusion == scores.confusion).all()
    assert np.isnan(found.class_iou).tolist() == [False, False, True] and found.summary() == scores.summary()


def test_scores_of_nothing_but_void_are_strict_json_too(run):
    run.write_result("scores-val", Result(Scores(np.zeros((2, 2), dtype=np.int64), ("a", "b")), PROTOCOL, (float("nan"),) * 2))
    assert set(strict_json(run.path / "scores-val.json")["scores"].values()) == {None}
    assert np.isnan([run.result("scores-val").scores.miou, *run.result("scores-val").interval]).all()


def test_the_table_of_scores_carries_its_protocol(run):
    "A row a class and their mean; what it was taken on stands in each row, so that tables can be put together."
    boundary = Scores(np.array([[1, 1], [0, 2]]), ("a", "b"))
    run.write_result("scores-val", Result(Scores(np.array([[3, 1], [0, 4]]), ("a", "b")), PROTOCOL, (0, 1), boundary=boundary))
    table = pd.read_csv(run.path / "scores-val.csv")
    assert list(table["class"]) == ["a", "b", "mean"]
    assert table.iou.tolist() == [3 / 4, 4 / 5, pytest.approx(31 / 40)]
    assert table.boundary_iou.tolist() == [1 / 2, 2 / 3, pytest.approx(7 / 12)]
    for name, value in PROTOCOL.items(): assert (table[name] == value).all()
    assert run.result("scores-val").boundary.confusion.tolist() == [[1, 1], [0, 2]]


def test_a_run_that_has_not_finished_an_epoch_has_an_empty_history(run):
    assert run.history.empty and run.seconds == 0


def test_scores_that_are_not_there_are_named(run):
    with pytest.raises(UserError) as raised: run.result("scores-test")
    assert str(raised.value).startswith(f"{run.path / 'scores-test.json'}: there is no such file")


def test_history_comes_back(run):
    history = pd.DataFrame({"epoch": [1, 2], "miou": [0.1, float("nan")], "lr": [1 / 3, 2e-5]})
    run.write_history(history[:1])
    run.write_history(history)
    pd.testing.assert_frame_equal(run.history, history, check_exact=True)


def test_a_figure_is_a_png_of_its_name(run):
    path = run.write_figure("worst-val", Figure(figsize=(2, 1)))
    assert path == run.path / "figures" / "worst-val.png"
    assert Image.open(path).format == "PNG" and Image.open(path).size == (240, 120)


@torch.no_grad()
def test_the_model_comes_back_with_its_card(run):
    torch.manual_seed(0)
    model = linknet(2, "test_resnet", "none").eval()
    card = ModelCard("test_resnet", "deconv", ("a", "b"), ((0, 0, 0), (9, 9, 9)), (32, 64), (0.5,) * 3, (0.2,) * 3, "tiny2")
    run.write_model(model, card)
    loaded, its_card = Run.open(run.path).load_model()
    images = torch.randn(1, 3, 32, 32)
    assert its_card == card and torch.equal(loaded(images), model(images))


def test_a_run_without_a_model_says_so(run):
    with pytest.raises(UserError) as raised: run.load_model()
    assert str(raised.value).startswith(f"{run.path / 'model.safetensors'}: there is no such file")


def test_nothing_half_written_lies_about(run):
    run.write_result("scores", Result(Scores(np.eye(2, dtype=np.int64), ("a", "b")), PROTOCOL, (1.0, 1.0)))
    run.write_history(pd.DataFrame({"epoch": [1]}))
    run.write_figure("curves", Figure(figsize=(1, 1)))
    files = sorted(str(path.relative_to(run.path)) for path in run.path.rglob("*"))
    assert files == ["config.json", "figures", "figures/curves.png", "history.csv", "scores.csv", "scores.json"]
