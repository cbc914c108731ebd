"Exported graphs: the same as torch, at any size and batch."

import json
from itertools import product

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from finished_run import finished_run
from PIL import Image
from short_training import CPU, RECIPE, NoBar, write_images

from linknet_fastai.datasets.folder import folder
from linknet_fastai.deploy.exports.engines import OnnxEngine
from linknet_fastai.deploy.exports.export_card import ExportCard
from linknet_fastai.deploy.exports.graph import ImageGraph
from linknet_fastai.deploy.exports.onnx_file import export_onnx, image_graph
from linknet_fastai.deploy.exports.openvino_file import export_openvino
from linknet_fastai.errors import UserError
from linknet_fastai.models.factory import create_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runs.weights import load_weights
from linknet_fastai.workflows.compare_exports import folder_pixels
from linknet_fastai.workflows.export import ExportOptions, calibration, export
from linknet_fastai.workflows.fit import FitOptions, fit

SIZES, BATCHES = [(1, 1), (37, 53), (64, 96), (99, 161), (31, 200)], [1, 3]


def noise(batch: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (batch, height, width, channels), dtype=np.uint8)


def in_torch(model, card, pixels: np.ndarray) -> np.ndarray:
    "Normalized outside, padded and cropped by the model."
    mean, std = (torch.tensor(values)[:, None, None] for values in (card.mean, card.std))
    with torch.inference_mode(): return model((torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std).numpy()


@pytest.mark.slow
def test_onnxruntime_gives_torch_s_logits_at_any_size_and_batch(exported):
    model, card = load_weights(exported.parent / "model.safetensors")
    session = onnxruntime.InferenceSession(exported)
    for batch, size in product(BATCHES, SIZES):
        pixels = noise(batch, *size)
        logits, = session.run(None, {"image": pixels})
        assert logits.shape == (batch, 3, *size) and logits.dtype == np.float32
        np.testing.assert_allclose(logits, in_torch(model, card, pixels), atol=1e-5)


@pytest.mark.slow
def test_the_file_says_what_it_is_and_nothing_of_this_machine(exported):
    _, card = load_weights(exported.parent / "model.safetensors")
    metadata = onnxruntime.InferenceSession(exported).get_modelmeta().custom_metadata_map
    read = {name: json.loads(value) for name, value in metadata.items()}
    assert read["classes"] == list(card.classes) and read["palette"] == list(map(list, card.palette))
    assert (read["protocol"], read["mean"], read["std"]) == (card.protocol, list(card.mean), list(card.std))
    assert (read["input"], read["output"]) == ("uint8", "logits") and read["version"]
    content = onnx.load(exported)
    onnx.checker.check_model(content)
    assert {node.domain for node in content.graph.node} == {""}  # no custom operators
    assert b"site-packages" not in exported.read_bytes() and b"linknet_fastai/" not in exported.read_bytes()
    assert [axis.dim_param for axis in content.graph.input[0].type.tensor_type.shape.dim][:3] == [
        "batch", "height", "width"]


@pytest.mark.slow
@pytest.mark.parametrize("model, encoder, upsample, instance_norm", [
    ("linknet", "test_convnext", "deconv", False), ("linknet", "test_efficientnet", "subpixel", True),
    ("linknet", "mobilenetv3_large_100", "deconv", False), ("enet", "resnet18", "deconv", True)])
def test_other_models_are_exported_too(model, encoder, upsample, instance_norm, tmp_path):
    torch.manual_seed(0)
    network = create_model(model, 3, encoder, "none", upsample, 4, instance_norm).eval()
    card = ExportCard(encoder, upsample, ("a", "b", "c"), ((0, 0, 0),) * 3, (64, 96), (0.5,) * 4, (0.2,) * 4, "any",
                      model=model, channels=4, instance_norm=instance_norm)
    export_onnx(image_graph(network, card), card, tmp_path / "model.onnx")
    engine = OnnxEngine(tmp_path / "model.onnx")
    for batch, size in product(BATCHES, SIZES):
        pixels = noise(batch, *size, 4)
        np.testing.assert_allclose(engine(pixels), in_torch(network, card, pixels), atol=1e-4)


def test_floats_and_classes_are_a_choice():
    model = create_model("linknet", 3, "test_resnet", "none").eval()
    pixels = torch.from_numpy(noise(2, 40, 50))
    with torch.inference_mode():
        logits = ImageGraph(model, (0.5,) * 3, (0.2,) * 3)(pixels)
        classes = ImageGraph(model, (0.5,) * 3, (0.2,) * 3, takes_floats=True, gives_classes=True)(pixels / 255)
    assert classes.dtype == torch.uint8 and torch.equal(classes, logits.argmax(1).to(torch.uint8))


@pytest.mark.usefixtures("without_figures")
def test_int8_is_not_calibrated_on_images_that_the_run_left_out(tmp_path):
    data = write_images(tmp_path / "data", train=5, val=2)
    (data / "images/train/3.png").write_bytes(b"")
    run = fit(folder(data), Recipe(**vars(RECIPE) | {"epochs": 1}), CPU,
              FitOptions(tmp_path / "run", skip_bad=True, progress_bar=NoBar()))
    _, card = run.load_model()
    pixels = calibration(run, ExportCard(**vars(card)), ExportOptions(int8=True))
    assert [each.shape for each in pixels] == [(1, 64, 64, 3)] * 4


@pytest.fixture
def run(tmp_path): return finished_run(tmp_path / "run")


@pytest.fixture
def images(tmp_path):
    "One image, of one gray; masks and predictions of another lie beside it."
    for name, gray in ((".", 7), ("masks", 1), ("predictions", 2)):
        (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 24), (gray,) * 3).save(tmp_path / "images" / name / "a.png")
    return tmp_path / "images"


def test_neither_masks_nor_predictions_are_images(run, images):
    card = ExportCard(**vars(run.card))
    for found in (folder_pixels(images, card),
                  calibration(run, card, ExportOptions(int8=True, calibrate=images))):
        assert [np.unique(pixels).tolist() for pixels in found] == [[7]]


@pytest.mark.slow
def test_weights_that_are_replaced_meanwhile_are_not_exported(run, images, monkeypatch):
    load = Run.load_model
    def replaced(self):
        loaded = load(self)
        self.model_file.write_bytes(self.model_file.read_bytes() + b"\0")
        return loaded
    monkeypatch.setattr(Run, "load_model", replaced)
    with pytest.raises(UserError, match="was replaced while it was read"):
        export(run.path, ExportOptions(images=images))
    assert not (run.path / "model.onnx").exists()


@pytest.mark.slow
def test_scores_of_other_files_stay(run, images):
    "Those of a former `model.onnx` go, and `small-model.onnx` is another."
    kept = ["scores-test-small-model-onnx.csv", "scores-val-small-model-onnx.json"]
    for name in ("scores-val-model-onnx.json", "scores-all-model-onnx.csv", *kept): (run.path / name).write_text("{}")
    export(run.path, ExportOptions(images=images))
    assert sorted(path.name for path in run.path.glob("scores-*")) == kept


@pytest.mark.slow
def test_openvino_s_files_are_written_beside_each_other_or_not_at_all(exported, tmp_path, monkeypatch):
    openvino = pytest.importorskip("openvino")
    path, card, folders = tmp_path / "model.xml", OnnxEngine(exported).card, []
    def save(model, file, **options):
        folders.append(file.parent.parent)
        raise RuntimeError("basic_ios::clear: iostream error")  # of a full disk
    with monkeypatch.context() as patch:
        patch.setattr(openvino, "save_model", save)
        with pytest.raises(UserError, match=r"model\.xml: can't be written \(.*iostream error"):
            export_openvino(exported, card, path)
    assert folders == [tmp_path] and not list(tmp_path.iterdir())
    export_openvino(exported, card, path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.bin", "model.xml"]
    with pytest.raises(UserError, match="missing"): export_openvino(exported, card, tmp_path / "missing" / "model.xml")
