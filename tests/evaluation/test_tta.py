"Predictions from several views of an image."

import math

import pytest
import torch
from torch import Tensor, nn

from linknet_fastai.evaluation.tta import MeanOfViews
from linknet_fastai.evaluation.views import VIEWS


class Constant(nn.Module):
    "A model that knows only where a pixel stands: logits `[C,H,W]`, the same for each image."

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor: return self.logits.expand(len(images), *self.logits.shape)


def test_the_mirror_image_s_prediction_is_turned_back():
    "By hand: probabilities of 0.9 and 0.1 at the left and at the right; their mean is the same on both sides."
    logits = torch.tensor([[[0.9, 0.1]], [[0.1, 0.9]]]).log()
    found = MeanOfViews(Constant(logits), "flip")(torch.zeros(3, 3, 1, 2)).exp()
    torch.testing.assert_close(found, torch.full((3, 2, 1, 2), 0.5))


def test_a_model_that_sees_one_pixel_at_a_time_predicts_as_before():
    torch.manual_seed(0)
    model, images = nn.Conv2d(3, 4, 1), torch.randn(2, 3, 6, 10)
    torch.testing.assert_close(MeanOfViews(model, "flip")(images), model(images).log_softmax(1))


class Sizes(nn.Module):
    "A model that notes the sizes that it sees; its logits say how wide an image is, at half the size."

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape[-2:]))
        logits = torch.tensor([0.0, images.shape[-1]]).view(1, 2, 1, 1)
        return logits.expand(len(images), 2, images.shape[-2] // 2, images.shape[-1] // 2)


def test_scales_are_the_mean_over_both_sizes_and_mirror_images():
    "By hand: e^0 against e^8 at 4x8, e^0 against e^10 at 1.25 of it, and back at 4x8."
    model = Sizes()
    found = MeanOfViews(model, "scales")(torch.zeros(1, 3, 4, 8)).exp()
    assert sorted(model.seen) == [(4, 8), (4, 8), (5, 10), (5, 10)]
    first = (1 / (1 + math.exp(8)) + 1 / (1 + math.exp(10))) / 2
    torch.testing.assert_close(found[0, 0], torch.full((4, 8), first))


@pytest.mark.parametrize("tta", VIEWS)
def test_an_image_and_its_mirror_image_have_mirrored_predictions(tta):
    torch.manual_seed(0)
    model, images = MeanOfViews(nn.Conv2d(3, 4, 3, padding=1), tta), torch.randn(2, 3, 6, 10)
    torch.testing.assert_close(model(images.flip(-1)), model(images).flip(-1))


@pytest.mark.parametrize("high", [100.0, 1e4])
def test_certainty_stays_finite(high):
    logits = torch.tensor([high, 0.0]).view(2, 1, 1)
    assert MeanOfViews(Constant(logits), "flip")(torch.zeros(1, 3, 1, 1)).isfinite().all()
