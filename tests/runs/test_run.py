import json
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from finished_run import CONFIG

from linknet_fastai.errors import UserError
from linknet_fastai.models.linknet import linknet
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runs.tensors import FORMAT
from linknet_fastai.runs.weights import ModelCard


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(tmp_path / "run", CONFIG)


def strict_json(path: Path) -> dict:
    "JSON as the standard has it: without NaN and Infinity."
    def refuse(constant: str): raise ValueError(f"{constant} is not JSON")
    return json.loads(path.read_text(), parse_constant=refuse)


# create and open

def test_what_is_created_can_be_opened(run):
    opened = Run.open(str(run.path))
    assert opened.config == CONFIG and strict_json(opened.config_file)["format"] == FORMAT
    assert opened.figures.is_dir()


def test_a_run_is_not_created_over_another(run):
    with pytest.raises(UserError) as raised: Run.create(run.path, replace(CONFIG, dataset="other"))
    assert str(raised.value).startswith(f"{run.path}: ")
    assert Run.open(run.path).config.dataset == "tiny"


def test_a_run_is_created_in_a_folder_with_other_things(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    Run.create(tmp_path, CONFIG)
    assert (tmp_path / "notes.txt").read_text() == "mine" and Run.open(tmp_path).config.dataset == "tiny"


@pytest.mark.parametrize("name", ["report.html", "scores-val.json", "gallery/images.csv", "previous.safetensors"])
def test_a_run_is_not_created_where_a_folder_lies_in_the_place_of_a_file(tmp_path, name):
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UserError, match=f"{tmp_path / name}: .*a folder"): Run.create(tmp_path, CONFIG)
    assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize("name", ["figures", "gallery"])
def test_nor_where_a_file_lies_in_the_place_of_a_folder(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"{tmp_path / name}: is no folder"): Run.create(tmp_path, CONFIG)


def test_it_says_of_how_many_images_it_was_trained(run):
    "Of 4."
    for chosen, said in ((None, "train"), (4, "train"), (3, "3 of 4 train images")):
        run.rewrite_config(recipe=CONFIG.recipe | {"train_images": chosen})
        assert run.trained_on == said


def test_a_folder_without_a_run_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError) as raised: Run.open(path)
        assert str(raised.value).startswith(f"{path}: ")


@pytest.mark.parametrize("config", [{"format": FORMAT + 1}, {}])
def test_a_run_of_another_version_is_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=f"{tmp_path}: .* {config.get('format')}.* {FORMAT};"): Run.open(tmp_path)


def test_a_run_of_the_version_before_is_read(run):
    "Its recipe knows no instance norm."
    recipe = {name: value for name, value in CONFIG.recipe.items() if name != "instance_norm"}
    run.config_file.write_text(json.dumps({"format": 5, **asdict(CONFIG), "recipe": recipe}))
    assert Run.open(run.path).recipe == run.recipe and not run.recipe.instance_norm


@pytest.mark.parametrize("content", [b"", b'{"format": 1', b"\xff\xfe"])
def test_a_damaged_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=f"{tmp_path / 'config.json'}: is damaged"): Run.open(tmp_path)


@pytest.mark.parametrize(("change", "said"), [
    ({"recipe": None}, "recipe"), ({"images": {"train": "many"}}, "images.train"), ({"dataset": ["tiny"]}, "dataset")],
    ids=lambda value: str(value)[:20])
def test_a_config_with_a_wrong_value_is_named_with_the_place(run, change, said):
    run.config_file.write_text(json.dumps({"format": FORMAT, **asdict(CONFIG), **change}))
    with pytest.raises(UserError, match=rf"{run.config_file}: .*\b{said}\b"): Run.open(run.path)


def test_a_config_that_lacks_a_value_is_named_with_the_place(run):
    run.config_file.write_text(json.dumps({"format": FORMAT}))
    with pytest.raises(UserError, match=r"config\.json: .*\bdataset\b"): Run.open(run.path)


@pytest.mark.parametrize("recipe", [{"size": [360]}, {"epochs": "ten"}, {"scale": 1}, {"encoder_lr": 0}], ids=str)
def test_a_recipe_with_a_wrong_value_is_named(run, recipe):
    run.rewrite_config(recipe=recipe)
    [name] = recipe
    with pytest.raises(UserError, match=f"{run.config_file}: .*{name}"): _ = Run.open(run.path).recipe


def test_a_recipe_comes_back_as_it_was(run):
    recipe = Recipe(size=(352, 480), lr="auto", scale=(0.5, 2.0))
    run.rewrite_config(recipe=asdict(recipe))
    assert Run.open(run.path).recipe == recipe


def test_a_config_that_is_no_object_is_named(tmp_path):
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UserError, match=r"config\.json"): Run.open(tmp_path)


# what a run holds


def test_a_run_that_has_not_finished_an_epoch_has_an_empty_history(run):
    assert run.history.empty and run.seconds == 0


def test_history_comes_back(run):
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1 / 7], "valid_loss": [2.0, 1.0],
                            "miou": [0.1, float("nan")], "lr": [1 / 3, 2e-5], "seconds": [1.0, 2.0]})
    run.write_csv("history.csv", history[:1])
    run.write_csv("history.csv", history)
    pd.testing.assert_frame_equal(run.history, history, check_exact=True)


@torch.no_grad()
def test_the_model_comes_back_with_its_card(run):
    torch.manual_seed(0)
    model = linknet(2, "test_resnet", "none").eval()
    card = ModelCard("test_resnet", "deconv", ("a", "b"), ((0, 0, 0), (9, 9, 9)), (32, 64), (0.5,) * 3, (0.2,) * 3,
                     "tiny2")
    run.write_model(model, card)
    loaded, its_card = Run.open(run.path).load_model()
    images = torch.randn(1, 3, 32, 32)
    assert its_card == card and torch.equal(loaded(images), model(images))


def test_a_run_without_a_model_says_so(run):
    with pytest.raises(UserError, match=f"{run.path / 'model.safetensors'}: there is no such file"): run.load_model()


def test_nothing_half_written_lies_about(run):
    run.write_json("scores.json", {"miou": 0.5})
    run.write_csv("history.csv", pd.DataFrame({"epoch": [1]}))
    assert sorted(path.name for path in run.path.iterdir()) == ["config.json", "figures", "history.csv", "scores.json"]


def test_a_score_that_is_not_defined_is_null_in_strict_json(run):
    run.write_json("scores.json", {"miou": float("nan"), "classes": [{"iou": float("nan")}, {"iou": 0.5}]})
    assert strict_json(run.path / "scores.json") == {"miou": None, "classes": [{"iou": None}, {"iou": 0.5}]}


def test_one_process_at_a_time_has_the_run(run):
    with run.locked():
        with pytest.raises(UserError, match=str(run.path)), Run.open(run.path).locked(): pass
    with run.locked(): pass
