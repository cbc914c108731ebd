"A split's scores, with what they were taken on."

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from linknet_fastai.dataloaders.dataloaders import evaluation_dl
from linknet_fastai.errors import UserError
from linknet_fastai.evaluation.scoring import ScoringOptions, protocol_of, score
from linknet_fastai.recipes import Recipe


class Ground(nn.Module):
    "Class 0 of three, everywhere."

    def forward(self, images: Tensor) -> Tensor:
        return torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(len(images), 3, *images.shape[-2:])


def test_scores_and_each_image_s_matrix_and_what_they_were_taken_on(tiny_dataset):
    dl = evaluation_dl(tiny_dataset, "val", Recipe(size=(64, 64)), "cpu")
    result, matrices = score(Ground(), dl, tiny_dataset, protocol_of(tiny_dataset, "val", dl, "train"))
    masks = [np.asarray(Image.open(path)) for path in tiny_dataset.split("val")["mask"]]
    assert matrices[:, :, 0].tolist() == [np.bincount(mask.ravel(), minlength=10)[:3].tolist() for mask in masks]
    assert not matrices[:, :, 1:].any() and (result.scores.confusion == matrices.sum(0)).all()
    assert result.interval[0] <= result.scores.miou <= result.interval[1]
    assert (result.cityscapes, result.boundary) == (None, None)
    assert result.protocol == {"name": "tiny3", "classes": 3, "split": "val", "images": 4, "resolution": "64x64",
                               "void": "ignored", "trained_on": "train"}


def test_another_size_than_the_masks_is_in_the_protocol(tiny_dataset):
    larger = evaluation_dl(tiny_dataset, "val", Recipe(size=(64, 64), test_scale=1.5), "cpu")
    protocol = protocol_of(tiny_dataset, "val", larger, "3 of 8 train images")
    assert (protocol["resolution"], protocol["predicted_at"]) == ("64x64", "96x96")
    assert protocol["trained_on"] == "3 of 8 train images"


def test_options_are_in_the_protocol(tiny_dataset):
    dl = evaluation_dl(tiny_dataset, "val", Recipe(size=(64, 64)), "cpu")
    result, _ = score(Ground(), dl, tiny_dataset, {"name": "tiny3"}, ScoringOptions(tta="flip", boundary=2))
    assert result.protocol == {"name": "tiny3", "tta": "flip", "boundary": 2}
    counted = result.boundary.confusion.sum(1)
    assert (counted <= result.scores.confusion.sum(1)).all() and 0 < counted.sum() < result.scores.confusion.sum()


@pytest.mark.parametrize("options, named", [(dict(tta="filp"), "'filp'.*flip"), (dict(boundary=0), "0 pixels")])
def test_options_that_can_t_be_are_named(options, named):
    with pytest.raises(UserError, match=named): ScoringOptions(**options)
