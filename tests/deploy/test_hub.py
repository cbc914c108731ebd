"Runs on a hub: what is published of them, and that it is loaded by name, as numbers and words alone."

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from finished_run import CONFIG, finished_run
from local_hub import LocalHub
from PIL import Image

from linknet_fastai.deploy.hub import write_model_folder
from linknet_fastai.errors import UserError
from linknet_fastai.evaluation.result import read_result, write_result
from linknet_fastai.evaluation.scores import Scores
from linknet_fastai.models.linknet import linknet
from linknet_fastai.runs.hub import split_name
from linknet_fastai.runs.run import Run
from linknet_fastai.workflows.publish import publish

PRIVATE = "/home/me/secret"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    "A run that knows folders of its author's machine."
    run = finished_run(tmp_path_factory.mktemp("runs") / "tiny")
    run.rewrite_config(data=f"{PRIVATE}/data", options={"images": f"{PRIVATE}/data/images"},
                       recipe=CONFIG.recipe | {"weights": f"{PRIVATE}/resnet18.safetensors"})
    return run


@pytest.mark.parametrize("name, parts", [("hf:me/roads", ("me/roads", None)),
                                         ("hf:me/roads@v1.0", ("me/roads", "v1.0"))])
def test_names(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize("name", ["hf:", "hf:me", "hf:me/", "hf:me/../you", "hf:a/b/c", "hf:me/roads@", "hf:me/ro ads"])
def test_what_is_no_name(name):
    with pytest.raises(UserError, match="hf:USER/NAME"): split_name(name)


def test_nothing_says_where_its_author_had_it(run, tmp_path):
    write_model_folder(run, tmp_path / "out", "me/roads")
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file(): assert PRIVATE.encode() not in file.read_bytes(), file
    public = Run.open(tmp_path / "out")
    assert public.config == replace(run.config, data=None, options={"images": "images"},
                                    recipe=run.config.recipe | {"weights": "resnet18.safetensors"})
    assert public.load_model()[1] == run.card


def test_classes_that_are_named_like_paths_keep_their_names(run, tmp_path):
    meaning = {"classes": ["a:ground", "/road", "~/sky"], "values": [[0, 0], [1, 1], [2, 2]]}
    named = Run(Path(shutil.copytree(run.path, tmp_path / "named")))
    named.rewrite_config(options={"images": f"{PRIVATE}/images", "meaning": meaning})
    assert write_model_folder(named, tmp_path / "out", "me/roads").config.options == {
        "images": "images", "meaning": meaning}


def test_nothing_behind_a_link_is_published(run, tmp_path):
    linked = Run(Path(shutil.copytree(run.path, tmp_path / "linked")))
    (tmp_path / "key").write_text("secret")
    (linked.path / "scores-x.csv").symlink_to(tmp_path / "key")  # beside no scores: it is nobody's
    write_model_folder(linked, tmp_path / "out", "me/roads")
    assert not list((tmp_path / "out").glob("scores-x*"))
    (linked.path / "scores.csv").unlink()
    (linked.path / "scores.csv").symlink_to(tmp_path / "key")
    with pytest.raises(UserError, match="scores.csv: is a link"):
        write_model_folder(linked, tmp_path / "again", "me/roads")


def test_the_model_card_says_what_a_user_must_know(run, tmp_path):
    write_model_folder(run, tmp_path / "out", "me/roads")
    card = (tmp_path / "out" / "README.md").read_text()
    content = json.loads((run.path / "scores.json").read_text())
    for part in ("hf:me/roads", f"{100 * content['scores']['miou']:.1f}", "sky", "road", "car", "24x32", "Limits"):
        assert part in card, part


def test_scores_of_an_exported_file_and_of_other_splits_are_told_apart(run, tmp_path):
    own, read = tmp_path / "own", Run.open(shutil.copytree(run.path, tmp_path / "own"))
    result = read_result(read)
    perfect = Scores(np.diag([1, 100, 100]), result.scores.classes)
    write_result(read, "scores-train", replace(result, scores=perfect, protocol=result.protocol | {"split": "train"}))
    write_result(read, "scores-val-model-int8-openvino",
                 replace(result, protocol=result.protocol | {"program": "OpenVINO, int8"}))
    write_model_folder(Run.open(own), tmp_path / "out", "me/roads")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "trained on train, by OpenVINO, int8" in card
    worst = result.scores.class_iou.argmin()
    assert f"worst at {result.scores.classes[worst]} ({100 * result.scores.class_iou[worst]:.1f}" in card


@pytest.mark.parametrize("upsample, instance_norm, words", [
    ("deconv", False, " --upsample deconv"), ("subpixel", False, ""), ("subpixel", True, " --instance-norm")])
def test_the_model_card_s_command_builds_the_model(run, tmp_path, upsample, instance_norm, words):
    copy = Run.open(shutil.copytree(run.path, tmp_path / "copy"))
    card = replace(run.card, upsample=upsample, instance_norm=instance_norm)
    copy.write_model(linknet(3, "test_resnet", "none", upsample), card)
    write_model_folder(copy, tmp_path / "out", "me/roads")
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"--weights hf:me/roads --encoder test_resnet{words}\n" in card


# on a hub of this machine, asked by processes that know no other

def command(environment: dict, *words, cwd: Path) -> subprocess.CompletedProcess:
    words = [sys.executable, "-W", "ignore", "-m", "linknet_fastai", *map(str, words)]
    return subprocess.run(words, cwd=cwd, text=True, capture_output=True, env={**os.environ, **environment},
                          timeout=120)


def test_a_run_is_published_as_the_newest_revision_only(run):
    with pytest.raises(UserError, match="me/roads@v1: .*name me/roads alone"): publish(run.path, "hf:me/roads@v1")


@pytest.mark.slow
def test_a_run_is_published_and_used_by_its_name(run, tmp_path):
    image = tmp_path / "image.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)).save(image)
    with LocalHub().serving() as hub:
        environment = hub.environment(tmp_path / "home")
        done = command(environment, "publish", run.path, "me/roads", "--space", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        files = hub.repositories["model", "me/roads"]
        assert {"README.md", "config.json", "model.safetensors", "scores.json"} <= set(files)
        assert files["model.safetensors"] == run.model_file.read_bytes()
        assert set(hub.repositories["space", "me/roads"]) >= {"app.py", "requirements.txt", "README.md"}
        files["evil.py"] = b"raise SystemExit('run')"
        done = command(environment, "predict", "hf:me/roads", image, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "predictions" / "image.png").is_file()
        assert not list((tmp_path / "home").rglob("*.py"))
        missing = command(environment, "predict", "hf:me/none", image, cwd=tmp_path)
        assert missing.returncode == 2 and "hf:me/none" in missing.stderr
    again = command(environment, "predict", "hf:me/roads", image, "--out", tmp_path / "again", cwd=tmp_path)
    assert again.returncode == 0 and "downloaded before" in again.stderr
    elsewhere = environment | {"HF_HOME": str(tmp_path / "other")}
    unreachable = command(elsewhere, "predict", "hf:me/roads", image, cwd=tmp_path)
    assert unreachable.returncode == 2 and len(unreachable.stderr.strip().splitlines()) == 1, unreachable.stderr
    unpublished = command(environment, "publish", run.path, "me/roads", cwd=tmp_path)
    assert unpublished.returncode == 2 and len(unpublished.stderr.strip().splitlines()) == 1, unpublished.stderr
