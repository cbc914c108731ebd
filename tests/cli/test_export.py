"`linknet-fastai export`, and what takes its files."

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import TINY, assert_refused, linknet, succeed
from PIL import Image
from short_training import undrawn
from sklearn.metrics import confusion_matrix

from linknet_fastai.deploy.exports.engines import open_engine
from linknet_fastai.models.linknet import linknet as network
from linknet_fastai.runs.run import Run
from linknet_fastai.workflows import compare_exports


@pytest.fixture(scope="module")
def file(run):
    "The run's ONNX file, and what was printed."
    return run / "model.onnx", succeed("export", run)


def rows(printed: str) -> dict[str, list[str]]:
    "The table's rows by name."
    found = re.findall(r"^ ((?:torch|ONNX|OpenVINO) \S+) +(.*\S)", printed, re.MULTILINE)
    return {name: cells.split() for name, cells in found}


@pytest.mark.slow
def test_it_is_compared_with_torch_on_the_validation_images(file, run):
    path, printed = file
    assert "4 images; ms an image of 64x96" in printed and f"written: {path}" in printed
    table = rows(printed)
    assert list(table) == ["torch fp32", "ONNX fp32"]
    miou = 100 * json.loads((run / "scores.json").read_text())["scores"]["miou"]
    assert float(table["torch fp32"][0]) == pytest.approx(miou, abs=0.5)  # which was in the machine's own precision
    assert table["ONNX fp32"][0] == table["torch fp32"][0] and float(table["ONNX fp32"][1]) < 0.1


@pytest.mark.slow
def test_it_is_scored_as_the_run_is(file, run):
    succeed("evaluate", file[0]), succeed("evaluate", run, "--precision", "fp32")
    ours, torch_s = (json.loads((run / f"scores-val{name}.json").read_text()) for name in ("-model-onnx", ""))
    difference = np.abs(np.subtract(ours["confusion"], torch_s["confusion"])).sum()
    assert ours["protocol"] == torch_s["protocol"] | {"program": "onnxruntime, fp32"}
    assert difference <= 0.002 * np.sum(ours["confusion"])


@pytest.fixture(scope="module")
def speckled(tmp_path_factory) -> Path:
    "A run that knows nothing, on noise: as many borders between classes as can be, so that no rounding goes unseen."
    root, rng = tmp_path_factory.mktemp("speckled"), np.random.default_rng(0)
    for kind, high, shape in (("images", 256, (64, 96, 3)), ("masks", 3, (64, 96))):
        (root / kind).mkdir()
        for number in range(6):
            Image.fromarray(rng.integers(0, high, shape, np.uint8)).save(root / kind / f"{number}.png")
    with undrawn():
        succeed("fit", "folder", "--data", root, *TINY, "--epochs", 1, "--size", "64x64", "--out", root / "run")
    run = Run.open(root / "run")
    torch.manual_seed(0)
    run.write_model(network(3, "test_resnet", "none", upsample="subpixel"), run.card)
    for gives in ("logits", "classes"):
        succeed("export", run.path, "--output", gives, "--images", root / "images", "--out", run.path / f"{gives}.onnx")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("gives, words", [
    ("logits", ()), ("logits", ("--tta", "flip")), ("logits", ("--tta", "scales")), ("logits", ("--tile", "64x64")),
    ("classes", ()), ("classes", ("--tile", "64x64"))], ids=str)
def test_what_is_scored_is_what_is_written(speckled, tmp_path, gives, words):
    "To the pixel: scikit-learn counts what `predict` wrote, `evaluate` what it predicted itself."
    file = speckled / "run" / f"{gives}.onnx"
    succeed("predict", file, speckled / "images", "--out", tmp_path, "--no-overlays", *words)
    succeed("evaluate", file, "--split", "all", *words)
    scored = np.array(json.loads((file.parent / f"scores-all-{gives}-onnx.json").read_text())["confusion"])
    truth, written = (np.concatenate([np.asarray(Image.open(where / f"{number}.png")).ravel() for number in range(6)])
                      for where in (speckled / "masks", tmp_path))
    np.testing.assert_array_equal(scored, confusion_matrix(truth, written))


@pytest.mark.slow
def test_it_predicts_as_the_run_does(file, run, folder, tmp_path):
    for source, words in ((file[0], ()), (run, ("--precision", "fp32"))):
        succeed("predict", source, folder / "val", "--out", tmp_path / source.name, *words)
    for name in ("0.png", "3.png"):
        ours, torch_s = (np.asarray(Image.open(tmp_path / source.name / name)) for source in (file[0], run))
        assert (ours != torch_s).mean() <= 0.001
    assert "certainty" in succeed("predict", file[0], folder / "val", "--out", tmp_path / "few", "--least-certain", 2)
    assert len(list((tmp_path / "few").glob("*_overlay.png"))) == 2


@pytest.mark.slow
def test_it_is_measured(file):
    assert_refused(linknet("benchmark", file[0], "--compile"), "model.onnx", "--compile")
    printed = succeed("benchmark", file[0])
    assert "onnxruntime, fp32" in printed and "ms an image at 64x96" in printed


@pytest.mark.slow
def test_a_file_elsewhere_has_no_data_to_be_scored_on(file, tmp_path):
    shutil.copy(file[0], tmp_path / "model.onnx")
    assert_refused(linknet("evaluate", tmp_path / "model.onnx"), "model.onnx", "config.json")
    assert_refused(linknet("predict", file[0], tmp_path, "--device", "cuda"), "model.onnx", "--device cuda")


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_another_run_s_file_is_not_scored(file, run, folder, tmp_path):
    "Of the same classes, but trained at another size."
    other = tmp_path / "other"
    succeed("fit", "camvid", "--data", folder, *TINY, "--epochs", 1, "--size", "64x64", "--out", other)
    shutil.copy(file[0], other / "model.onnx")
    assert_refused(linknet("evaluate", other / "model.onnx"), "model.onnx", "size")


@pytest.mark.slow
def test_a_file_of_weights_that_the_run_had_before_is_not_scored(file, run, tmp_path):
    copy = Run.open(shutil.copytree(run, tmp_path / "run"))
    shutil.copy(file[0], copy.path / "model.onnx")
    succeed("evaluate", copy.path / "model.onnx")
    model, card = copy.load_model()
    copy.write_model(model, card)
    succeed("evaluate", copy.path / "model.onnx")  # the same, written again
    with torch.no_grad(): next(model.parameters()).add_(1)
    copy.write_model(model, card)
    assert_refused(linknet("evaluate", copy.path / "model.onnx"), "model.onnx", "other weights")


@pytest.mark.parametrize("words, parts", [
    (("--format", "onyx"), ("'onyx'", "did you mean onnx")), (("--output", "class"), ("'class'", "classes")),
    (("--int8", "--format", "onnx"), ("int8", "--format openvino")), (("--out", "model.pt"), ("model.pt", ".onnx")),
    (("--out", "a.xml", "--format", "onnx"), ("a.xml", ".onnx")),
    (("--calibrate", "few"), ("few", "--int8")),
    (("--data", "nowhere"), ("nowhere", "--images FOLDER")), (("--images", "nowhere"), ("nowhere",))])
def test_what_can_t_be_done_is_said_before_it_is_tried(run, tmp_path, words, parts):
    assert_refused(linknet("export", run, *words, cwd=tmp_path), *parts)


@pytest.mark.parametrize("module, extra", [("onnxscript", "export"), ("openvino", "openvino"), ("nncf", "openvino")])
def test_a_missing_package_comes_with_its_command(run, module, extra, monkeypatch):
    from importlib.util import find_spec
    monkeypatch.setattr("linknet_fastai.extras.find_spec",
                        lambda name: None if name == module else find_spec(name))
    assert_refused(linknet("export", run, "--int8"), module, f"pip install 'linknet-fastai[{extra}]'")


@pytest.mark.slow
def test_int8_for_openvino(run, monkeypatch):
    monkeypatch.setattr(compare_exports, "MOST_LOST", 1)  # a model of two epochs is sure of nothing
    file = run / "small.xml"
    printed = succeed("export", run, "--int8", "--output", "classes", "--out", file)
    assert {"torch fp32", "ONNX fp32", "OpenVINO fp32", "OpenVINO int8"} <= set(rows(printed))
    sizes = {name: float(cells[-1]) for name, cells in rows(printed).items()}
    assert sizes["OpenVINO int8"] < sizes["OpenVINO fp32"] / 2
    assert_refused(linknet("evaluate", file, "--tta", "flip"), "small.xml", "--tta")  # of classes there is no mean
    engine = open_engine(file)
    assert engine.precision == "int8" and engine.card.output == "classes"
    classes = engine(np.zeros((3, 37, 53, 3), np.uint8))
    assert classes.shape == (3, 37, 53) and classes.dtype == np.uint8


@pytest.mark.slow
def test_what_differs_too_much_ends_in_1(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(compare_exports, "MOST_DIFFERENT", -1)
    result = linknet("export", run, "--images", folder / "val", "--floats", "--out", tmp_path / "model.onnx")
    assert result.returncode == 1 and "differs: ONNX fp32 gives other classes than torch" in result.stderr
    assert rows(result.stdout)["ONNX fp32"][0] == "-" and (tmp_path / "model.onnx").is_file()
