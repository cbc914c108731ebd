"Exported files at work: the masks of the run that they come from, without torch."

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from short_training import refusal

from linknet_fastai.deploy.exported_predictor import ExportedPredictor, graph_logits
from linknet_fastai.deploy.exports.engines import open_engine
from linknet_fastai.deploy.exports.export_card import ExportCard
from linknet_fastai.deploy.exports.openvino_file import export_openvino
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.deploy.predictor_options import PredictorOptions
from linknet_fastai.deploy.upsample_numpy import argmax_upsampled
from linknet_fastai.images.tiling import TileOptions, Tiling
from linknet_fastai.runs.weights import load_card
from linknet_fastai.runtime.device import Machine


def noise(*size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def in_openvino(exported, tmp_path_factory):
    "The same as OpenVINO's file."
    file = tmp_path_factory.mktemp("openvino") / "model.xml"
    card = ExportCard(**vars(load_card(exported.parent / "model.safetensors")))
    export_openvino(exported, card, file)
    return file


@pytest.mark.parametrize("size", [(24, 32), (1, 1), (1, 200), (37, 53), (300, 200)])
def test_masks_are_those_of_the_run(exported, in_openvino, size):
    expected = Predictor(exported.parent, Machine(torch.device("cpu"), "fp32"))(noise(*size))
    for predictor in (ExportedPredictor(exported), ExportedPredictor(in_openvino, "fp32")):
        mask = predictor(noise(*size))
        assert mask.shape == size and mask.dtype == np.uint8
        assert (mask != expected).mean() <= 0.001


def test_it_is_as_sure_as_the_run(exported):
    predictor = Predictor(exported.parent, Machine(torch.device("cpu"), "fp32"))
    assert ExportedPredictor(exported).certainty(noise(30, 40)) == pytest.approx(predictor.certainty(noise(30, 40)),
                                                                                 abs=1e-5)


@pytest.mark.parametrize("options", [PredictorOptions("flip"), PredictorOptions("scales"),
                                     PredictorOptions(tiles=TileOptions((64, 96), 0.5)),
                                     PredictorOptions("flip", TileOptions((64, 64)))], ids=str)
def test_options_are_as_with_the_run(exported, options):
    "Averages with the mirror image, tiles, probabilities."
    predictor = Predictor(exported.parent, Machine(torch.device("cpu"), "fp32"), options)
    pixels, file = noise(130, 170), ExportedPredictor(exported, options=options)
    assert (file.predict(pixels) != predictor.predict(pixels)).mean() <= 0.001
    assert np.abs(file.probabilities(pixels) - predictor.probabilities(pixels)).max() < 1e-3
    assert file.certainty(pixels) == pytest.approx(predictor.certainty(pixels), abs=1e-4)


def test_a_run_of_crops_is_exported_as_one(exported, tmp_path):
    "What the file says of itself is what decides: images are predicted by tiles, and not shrunk."
    content = onnx.load(exported)
    for entry in content.metadata_props:
        if entry.key == "crops": entry.value = "true"
    onnx.save(content, tmp_path / "crops.onnx")
    predictor = ExportedPredictor(tmp_path / "crops.onnx")
    assert predictor.tiling == Tiling((512, 512)) and ExportedPredictor(exported).tiling is None
    tiled = PredictorOptions(tiles=TileOptions((512, 512)))
    assert (predictor.predict(noise(70, 90)) == ExportedPredictor(exported, options=tiled).predict(noise(70, 90))).all()


@pytest.mark.parametrize("size", [(7, 9), (3, 2), (1, 1), (5, 20)])
@pytest.mark.parametrize("strip", [1, 1 << 22])
def test_logits_are_upsampled_as_torch_does_it(size, strip, monkeypatch):
    monkeypatch.setattr("linknet_fastai.deploy.upsample_numpy.STRIP", strip)
    values = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(values)[None], size, mode="bilinear",
                                               align_corners=False)[0]
    assert (argmax_upsampled(values, size) == expected.argmax(0).numpy()).all()


def test_classes_as_numbers():
    assert graph_logits(np.array([[[0, 2]]]), 3).tolist() == [[[[1, 0]], [[0, 0]], [[0, 1]]]]


WITHOUT_TORCH = """
import sys
from linknet_fastai.cli.main import main
sys.argv = ["linknet-fastai", "predict", *sys.argv[1:]]
main_failed = False
try: main()
except SystemExit as end: main_failed = bool(end.code)
assert not main_failed and not {"torch", "timm", "fastai"} & set(sys.modules)
"""


def test_predicting_needs_no_torch(exported, tmp_path):
    Image.fromarray(noise(30, 40)).save(tmp_path / "image.png")
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, exported, tmp_path / "image.png", "--out", tmp_path / "out"],
                   check=True)
    mask = np.asarray(Image.open(tmp_path / "out" / "image.png"))
    np.testing.assert_array_equal(mask, ExportedPredictor(exported)(noise(30, 40)))


@pytest.mark.parametrize("program", ["onnxruntime", "openvino"])
def test_what_the_documentation_shows_gives_the_same_mask(program, exported, in_openvino, tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "exporting.md").read_text()
    code, = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if f"import {program}" in block]
    assert len([line for line in code.splitlines() if line]) == 8
    for file in (exported, in_openvino, in_openvino.with_suffix(".bin")): shutil.copy(file, tmp_path)
    Image.fromarray(noise(24, 32)).save(tmp_path / "image.png")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    expected = Predictor(exported.parent, Machine(torch.device("cpu"), "fp32"))(tmp_path / "image.png")
    assert (np.asarray(Image.open(tmp_path / "mask.png")) != expected).mean() <= 0.002


def test_a_file_that_isn_t_ours_is_named(exported, in_openvino, tmp_path):
    assert "model.onnx" in refusal(open_engine, tmp_path / "model.onnx")
    for name in ("model.onnx", "model.xml"):
        (tmp_path / name).write_text("hello")
        assert name in refusal(open_engine, tmp_path / name)
    shutil.copy(in_openvino, tmp_path / "alone.xml")  # without its weights
    assert "alone.xml" in refusal(open_engine, tmp_path / "alone.xml")
    content = onnx.load(exported)
    del content.metadata_props[:]
    onnx.save(content, tmp_path / "other.onnx")
    assert "not exported by this program" in refusal(open_engine, tmp_path / "other.onnx")


@pytest.mark.parametrize("key, value", [("classes", '["a", "b"]'), ("classes", "["), ("linknet_fastai", "99")])
def test_damaged_metadata_are_refused(exported, tmp_path, key, value):
    content = onnx.load(exported)
    for each in content.metadata_props:
        if each.key == key: each.value = value
    onnx.save(content, tmp_path / "damaged.onnx")
    assert "damaged.onnx" in refusal(open_engine, tmp_path / "damaged.onnx")


def test_an_onnx_file_that_gets_no_memory_says_so_as_torch_does(exported, monkeypatch):
    engine = open_engine(exported)
    class Full:
        def run(self, *inputs): raise Exception("Failed to allocate memory for requested buffer of size 4096")
    monkeypatch.setattr(engine, "session", Full())
    with pytest.raises(MemoryError): engine(np.zeros((1, 64, 64, 3), np.uint8))


def test_an_openvino_file_that_gets_no_memory_says_so_too(in_openvino, monkeypatch):
    "With one thread OpenVINO leaves the former output in its place."
    engine, pixels = open_engine(in_openvino), np.zeros((1, 64, 64, 3), np.uint8)
    class Full:
        def infer(self, inputs, share_inputs): raise RuntimeError("[CPU] Failed to allocate 4096 bytes of memory")
    class Stale:
        def infer(self, inputs, share_inputs): return [np.zeros((1, 3, 32, 64), np.float32)]
    for request in (Full(), Stale()):
        monkeypatch.setattr(engine, "request", request)
        with pytest.raises(MemoryError): engine(pixels)


def test_an_onnx_file_is_of_fp32(exported):
    assert "--precision bf16" in refusal(open_engine, exported, precision="bf16")
