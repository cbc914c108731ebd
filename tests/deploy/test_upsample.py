"Upsampling by strips of rows is upsampling."

import pytest
import torch
import torch.nn.functional as F

from linknet_fastai.deploy import upsample
from linknet_fastai.deploy.upsample import argmax_upsampled


@pytest.mark.parametrize("strip", [500, upsample.STRIP])
@pytest.mark.parametrize("size", [(1, 1), (7, 13), (8, 11), (31, 57), (64, 11), (1, 200), (101, 3)])
@pytest.mark.parametrize("classes", [1, 2, 11, 19])
def test_it_is_the_argmax_of_the_whole_upsampled(monkeypatch, classes, size, strip):
    monkeypatch.setattr(upsample, "STRIP", strip)
    logits = torch.randn(classes, 8, 11, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(logits[None], size, mode="bilinear", align_corners=False)[0]
    found = torch.from_numpy(argmax_upsampled(logits, size)).long()
    assert found.shape == size
    torch.testing.assert_close(whole.gather(0, found[None])[0], whole.max(0).values, atol=1e-5, rtol=0)
    best, second = whole.topk(min(classes, 2), dim=0).values[[0, -1]]
    clear = (best - second > 1e-5) | torch.tensor(classes == 1)
    assert torch.equal(found[clear], whole.argmax(0)[clear]) and clear.float().mean() > 0.99


@pytest.mark.parametrize("height, width", [(1, 1), (1, 9), (6, 1)])
def test_logits_of_one_row_or_column(height, width):
    logits = torch.randn(5, height, width, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(logits[None], (23, 17), mode="bilinear", align_corners=False)[0]
    assert torch.equal(torch.from_numpy(argmax_upsampled(logits, (23, 17))).long(), whole.argmax(0))


def test_short_floats_are_upsampled_as_long_ones():
    logits = torch.randn(3, 9, 9, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert (argmax_upsampled(logits, (40, 40)) == argmax_upsampled(logits.float(), (40, 40))).all()
