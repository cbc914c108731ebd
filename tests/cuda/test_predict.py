"Predictions on a GPU are those of the CPU, but for near ties; so are those of an exported file."

import numpy as np
import pytest
import torch
from command_line import succeed
from gpu_training import RECIPE, trained

from linknet_fastai.datasets.streets import streets
from linknet_fastai.deploy.exports.engines import OnnxEngine
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.deploy.predictor_options import PredictorOptions
from linknet_fastai.images.tiling import TileOptions
from linknet_fastai.runtime.device import Machine

pytestmark = pytest.mark.cuda
TIE = 0.02  # between the probabilities of two classes: convolutions on GPUs round to TF32 or to bf16


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return trained(data, tmp_path_factory.mktemp("trained") / "run", Machine.choose("cuda")).path


@pytest.fixture
def image(data):
    return streets(data).split("val").image.iloc[0]


def assert_same_but_for_ties(found: np.ndarray, probabilities: np.ndarray):
    "The classes `[H,W]` have nearly the highest of the probabilities `[C,H,W]`, and most the highest itself."
    chosen = np.take_along_axis(probabilities, found[None].astype(int), 0)[0]
    assert (probabilities.max(0) - chosen).max() < TIE
    assert (found == probabilities.argmax(0)).mean() > 0.98


@pytest.mark.parametrize("options", [PredictorOptions(), PredictorOptions(tta="scales"),
                                     PredictorOptions(tiles=TileOptions((64, 96)))], ids=["whole", "tta", "tiles"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_classes_are_those_of_the_cpu_but_for_ties(run, image, precision, options):
    expected = Predictor(run, Machine.choose("cpu", "fp32"), options).probabilities(image)
    assert_same_but_for_ties(Predictor(run, Machine.choose("cuda", precision), options)(image), expected)


def test_the_command_line_writes_masks(run, image, tmp_path):
    succeed("predict", run, image, "--device", "cuda", "--out", tmp_path)
    assert list(tmp_path.rglob("*.png"))


def test_an_exported_file_computes_the_same_on_cuda_s_provider(run, image):
    "By onnxruntime itself: `predict` runs exported files on the CPU alone, and says so."
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has no CUDAExecutionProvider; onnxruntime-gpu brings it")
    succeed("export", run)
    session = onnxruntime.InferenceSession(run / "model.onnx", providers=["CUDAExecutionProvider",
                                                                         "CPUExecutionProvider"])
    if session.get_providers()[0] != "CUDAExecutionProvider": pytest.skip("CUDAExecutionProvider finds no CUDA here")
    pixels = Predictor(run, Machine.choose("cpu", "fp32")).read(image)[None]
    found, = session.run(None, {session.get_inputs()[0].name: pixels})
    logits = torch.from_numpy(OnnxEngine(run / "model.onnx")(pixels)[0])
    assert found.shape[1] == len(logits) and pixels.shape[1:3] == RECIPE.size
    assert_same_but_for_ties(found[0].argmax(0), logits.softmax(0).numpy())
