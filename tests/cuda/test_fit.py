"A training on a GPU from the command line, in every number format."

import pytest
import torch
from command_line import TINY, succeed
from fastai.callback.core import Callback
from gpu_training import trained

from linknet_fastai.evaluation.result import read_result
from linknet_fastai.models.autocast import plain_model
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.speed import matrix_peak, measure, settings_of

pytestmark = pytest.mark.cuda
FIT = ("fit", "streets", *TINY, "--device", "cuda", "--epochs", 3)


@pytest.mark.parametrize("precision", ["bf16", "fp16", "fp32"])
def test_the_command_line_trains_scores_and_reports(data, tmp_path, precision):
    if precision == "bf16" and not torch.cuda.is_bf16_supported(): pytest.skip("this GPU has no bf16")
    printed = succeed(*FIT, "--data", data, "--precision", precision, "--out", tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert torch.cuda.get_device_name() in printed
    assert run.config.machine == {"device": "cuda", "precision": precision}
    assert run.history.train_loss.iloc[-1] < run.history.train_loss.iloc[0]
    # the scores are of whole images in the same precision: those of the best epoch, but for ties
    assert read_result(run).scores.miou == pytest.approx(run.history.miou.max(), abs=1e-3)
    assert (run.path / "report.html").exists()


def test_the_gradient_scaler_of_fp16_is_in_the_checkpoint(data, tmp_path):
    run = trained(data, tmp_path / "run", Machine.choose("cuda", "fp16"))
    state = run.checkpoints.read().progress["scaler"]
    assert state["scale"] > 0 and state["_growth_tracker"] >= 0


def test_a_compiled_training_is_one_too(data, tmp_path, recwarn):
    pytest.importorskip("triton", reason="torch compiles for GPUs with triton")
    succeed(*FIT, "--data", data, "--compile", "--out", tmp_path / "run")
    assert not [warning for warning in recwarn if "torch.compile failed" in str(warning.message)]
    assert Run.open(tmp_path / "run").is_scored


def test_model_and_images_lie_channels_last_on_the_gpu(data, tmp_path):
    seen = []

    class Layout(Callback):
        "Looks at what the first convolution gets."

        def before_fit(self):
            convolution = next(layer for layer in plain_model(self.model).modules()
                               if isinstance(layer, torch.nn.Conv2d))
            self.hook = convolution.register_forward_pre_hook(lambda layer, args: seen.append((args[0], layer.weight)))

        def after_fit(self): self.hook.remove()

    trained(data, tmp_path / "run", Machine.choose("cuda"), [Layout()])
    assert seen
    for tensor in seen[0]:
        assert tensor.device.type == "cuda" and tensor.is_contiguous(memory_format=torch.channels_last)


def test_speed_is_measured_on_the_gpu():
    recipe, num_classes, channels = settings_of(None)
    machine = Machine.choose("cuda")
    assert 0 < measure(recipe, num_classes, machine, channels).utilization(matrix_peak(machine)) < 1
