"A model that was trained on a GPU, at work on it and elsewhere."

import numpy as np
import pytest
from PIL import Image
from short_training import RECIPE, NoBar

from linknet_fastai import Predictor
from linknet_fastai.datasets.folder import folder
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.export import ExportOptions, export
from linknet_fastai.workflows.fit import FitOptions, fit

ALIKE = 0.995  # of the pixels; the others are near ties, which rounding decides


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    recipe = Recipe(**vars(RECIPE) | {"epochs": 8})
    options = FitOptions(tmp_path_factory.mktemp("runs") / "run", progress_bar=NoBar())
    return fit(folder(data), recipe, Machine.choose("cuda"), options)


@pytest.fixture(scope="module")
def pixels(data): return np.asarray(Image.open(data / "images/val/0.png").convert("RGB"))


def test_the_gpu_predicts_what_the_cpu_predicts(run, pixels, machine):
    on_gpu, on_cpu = (Predictor(run.path, each)(pixels) for each in (machine, Machine.choose("cpu", "fp32")))
    assert (on_gpu == on_cpu).mean() > ALIKE and len(np.unique(on_cpu)) > 1


def test_batches_are_predicted_as_single_images(run, pixels):
    predictor = Predictor(run.path, Machine.choose("cuda", "fp32"))
    assert predictor.batch_size > 1
    flipped = pixels[:, ::-1]
    for single, batched in zip(map(predictor, (pixels, flipped)), predictor.predict_batch([pixels, flipped])):
        assert (single == batched).mean() > ALIKE


def test_an_exported_file_runs_on_cuda(run, pixels, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has no CUDA: pip install onnxruntime-gpu")
    options = ExportOptions(format="onnx", out=tmp_path / "model.onnx", output="classes")
    file = export(run.path, options).file
    on_gpu, on_cpu = (onnxruntime.InferenceSession(file, providers=[f"{each}ExecutionProvider"])
                      for each in ("CUDA", "CPU"))
    assert on_gpu.get_providers()[0] == "CUDAExecutionProvider"
    name = on_cpu.get_inputs()[0].name
    theirs, ours = (session.run(None, {name: pixels[None]})[0] for session in (on_cpu, on_gpu))
    assert (ours == theirs).mean() > ALIKE
