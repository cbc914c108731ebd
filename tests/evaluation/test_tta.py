"Predictions from an image and its mirror image."

import pytest
import torch
from torch import Tensor, nn

from linknet_fastai.evaluation.tta import FlipTTA


class Constant(nn.Module):
    "A model that knows only where a pixel stands: logits `[C,H,W]`, the same for each image."

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor: return self.logits.expand(len(images), *self.logits.shape)


def test_the_mirror_image_s_prediction_is_turned_back():
    "By hand: probabilities of 0.9 and 0.1 at the left and at the right; their mean is the same on both sides."
    logits = torch.tensor([[[0.9, 0.1]], [[0.1, 0.9]]]).log()
    found = FlipTTA(Constant(logits))(torch.zeros(3, 3, 1, 2)).exp()
    torch.testing.assert_close(found, torch.full((3, 2, 1, 2), 0.5))


def test_a_model_that_sees_one_pixel_at_a_time_predicts_as_before():
    torch.manual_seed(0)
    model, images = nn.Conv2d(3, 4, 1), torch.randn(2, 3, 6, 10)
    torch.testing.assert_close(FlipTTA(model)(images), model(images).log_softmax(1))


def test_an_image_and_its_mirror_image_have_mirrored_predictions():
    torch.manual_seed(0)
    model, images = FlipTTA(nn.Conv2d(3, 4, 3, padding=1)), torch.randn(2, 3, 6, 10)
    torch.testing.assert_close(model(images.flip(-1)), model(images).flip(-1))


@pytest.mark.parametrize("high", [100.0, 1e4])
def test_certainty_stays_finite(high):
    logits = torch.tensor([high, 0.0]).view(2, 1, 1)
    assert FlipTTA(Constant(logits))(torch.zeros(1, 3, 1, 1)).isfinite().all()
