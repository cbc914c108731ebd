import pytest
import torch

from linknet_fastai.models.padding import crop, pad_to_multiple, padded_by_number


def image(rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float)[None, None]


def test_grows_below_and_to_the_right_by_reflection():
    padded = pad_to_multiple(image([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), 4)
    assert padded[0, 0].tolist() == [[1, 2, 3, 2], [4, 5, 6, 5], [7, 8, 9, 8], [4, 5, 6, 5]]


def test_reflects_as_far_as_an_image_goes():
    assert pad_to_multiple(image([[1, 2, 3]] * 5), 5)[0, 0].tolist() == [[1, 2, 3, 2, 1]] * 5


def test_repeats_the_border_where_the_image_is_too_small_to_reflect():
    assert pad_to_multiple(image([[1, 2]]), 4)[0, 0].tolist() == [[1, 2, 2, 2]] * 4
    assert pad_to_multiple(image([[1, 2], [3, 4], [5, 6]]), 4)[0, 0].tolist() == [
        [1, 2, 2, 2], [3, 4, 4, 4], [5, 6, 6, 6], [5, 6, 6, 6]]  # one side too small is enough
    assert pad_to_multiple(image([[7]]), 2)[0, 0].tolist() == [[7, 7], [7, 7]]


def test_each_side_grows_by_its_own_need():
    assert pad_to_multiple(image([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]), 2)[0, 0].tolist() == [
        [1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [5, 6, 7, 8]]


def test_an_image_that_fits_is_not_touched():
    images = torch.rand(2, 3, 8, 12)
    assert pad_to_multiple(images, 4) is images


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (64, 96), (99, 161), (31, 200), (16, 16), (17, 17), (33, 17),
                                  (360, 480)])
def test_exports_pad_as_models_do(size):
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(padded_by_number(images, 32), pad_to_multiple(images, 32))


def test_crop_undoes_padding():
    images = torch.rand(2, 3, 37, 50, generator=torch.Generator().manual_seed(0))
    assert torch.equal(crop(pad_to_multiple(images, 32), (37, 50)), images)
