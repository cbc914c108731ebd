"What a machine is, and what it doesn't have."

import re

import pytest
import torch

from linknet_fastai.errors import UserError
from linknet_fastai.runtime.device import Machine


def test_a_machine_is_what_was_named():
    machine = Machine.choose("cpu", "fp32")
    assert (machine.device, machine.precision, machine.dtype) == (torch.device("cpu"), "fp32", torch.float32)
    assert re.fullmatch(rf"cpu \({torch.get_num_threads()} threads?\), fp32", str(machine))
    assert str(Machine.choose("cpu", "bf16", compile=True)).endswith("bf16, compiled")


def test_a_machine_s_own_precision_is_one_that_it_can_be_asked_for():
    assert Machine.choose("cpu") == Machine.choose("cpu", Machine.choose("cpu").precision)
    assert Machine.choose() == Machine.choose(str(Machine.choose().device), Machine.choose().precision)


@pytest.mark.parametrize("device, precision, parts", [
    ("toaster", None, ["'toaster'", "cpu, cuda, mps"]), ("meta", None, ["'meta'", "cpu, cuda, mps"]),
    ("cuda:99", None, ["'cuda:99'", "--device"]), ("cpu", "int8", ["'int8'", "bf16, fp16, fp32"]),
    ("cpu", "bf61", ["'bf61'", "did you mean bf16?"]), ("cpu", "fp16", ["fp16 needs a CUDA GPU", "cpu"])])
def test_what_a_machine_doesn_t_have_is_refused(device, precision, parts):
    with pytest.raises(UserError) as raised: Machine.choose(device, precision)
    for part in parts: assert part in str(raised.value)
