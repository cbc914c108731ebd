"Confusion matrices against scikit-learn's."

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn

from linknet_fastai.evaluation.confusion import confusion_matrices, resize_logits
from linknet_fastai.evaluation.predictions import image_confusions, predictions_of
from linknet_fastai.images.mask import VOID


def batch(seed: int, images: int = 3, num_classes: int = 5, height: int = 9, width: int = 13) -> tuple[Tensor, Tensor]:
    "Logits, and masks of which about a tenth is void."
    generator = torch.Generator().manual_seed(seed)
    masks = torch.randint(0, num_classes, (images, height, width), generator=generator)
    masks[torch.rand(masks.shape, generator=generator) < 0.1] = VOID
    return torch.randn(images, num_classes, height, width, generator=generator), masks


def by_sklearn(masks, predicted, num_classes: int) -> np.ndarray:
    masks, predicted = np.asarray(masks).ravel(), np.asarray(predicted).ravel()
    known = masks != VOID
    return confusion_matrix(masks[known], predicted[known], labels=range(num_classes))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_each_image_s_matrix_is_sklearn_s(dtype):
    logits, masks = batch(0)
    matrices = confusion_matrices(logits.argmax(1), masks.to(dtype), 5)
    assert matrices.dtype == torch.int64
    for matrix, mask, image in zip(matrices, masks, logits, strict=True):
        assert (matrix.numpy() == by_sklearn(mask, image.argmax(0), 5)).all()


def test_matrices_sum_to_that_of_all_pixels():
    logits, masks = batch(1)
    classes = logits.argmax(1)
    assert (confusion_matrices(classes, masks, 5).sum(0).numpy() == by_sklearn(masks, classes, 5)).all()


def test_rows_are_true_and_columns_predicted():
    "One pixel of class 2, taken for class 0."
    matrices = confusion_matrices(torch.tensor([[[0]]]), torch.tensor([[[2]]]), 3)
    assert matrices.tolist() == [[[0, 0, 0], [0, 0, 0], [1, 0, 0]]]


def test_all_void_counts_nothing():
    logits, masks = batch(2)
    masks[1] = VOID
    matrices = confusion_matrices(logits.argmax(1), masks, 5)
    assert not matrices[1].any() and matrices[0].any() and matrices[2].any()


def test_logits_are_brought_to_the_masks_bilinearly():
    "Between pixel centres, as OpenCV and Pillow place them."
    logits = torch.tensor([[0.0, 1], [2, 3]])[None, None]
    assert resize_logits(logits, (2, 4))[0, 0].tolist() == [[0, 0.25, 0.75, 1], [2, 2.25, 2.75, 3]]
    assert resize_logits(logits, (2, 2)) is logits


def test_each_image_has_a_matrix_in_the_batches_order():
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3, padding=1)
    batches = [(torch.randn(n, 3, 8, 6), batch(n, n, 4, 8, 6)[1]) for n in (3, 2)]
    matrices = image_confusions(predictions_of(model, batches), 4)
    expected = [by_sklearn(mask, logits.argmax(0), 4)
                for images, masks in batches for logits, mask in zip(model(images), masks)]
    assert matrices.dtype == np.int64 and (matrices == np.array(expected)).all()


def test_images_are_scored_at_each_batch_s_own_resolution():
    model = nn.Identity()
    batches = [(torch.eye(3).view(1, 3, 1, 3), torch.tensor([[0, 0, 1, 1, 2, 2]]).repeat(1, 2, 1)),
               (torch.eye(3).view(1, 3, 1, 3), torch.tensor([[[0, 1, 1]]]))]
    matrices = image_confusions(predictions_of(model, batches), 3)
    assert matrices.tolist() == [[[4, 0, 0], [0, 4, 0], [0, 0, 4]], [[1, 0, 0], [0, 1, 1], [0, 0, 0]]]


def test_observers_get_each_image_s_classes_at_the_mask_s_size_and_its_mask():
    images, masks, seen = torch.randn(3, 4, 5, 5), batch(0, 3, 4, 10, 10)[1], []
    predicted = predictions_of(nn.Identity(), [(images, masks)])
    image_confusions(predicted, 4, [lambda classes, mask: seen.append((classes, mask))])
    assert torch.equal(torch.stack([classes for classes, _ in seen]), resize_logits(images, (10, 10)).argmax(1))
    assert torch.equal(torch.stack([mask for _, mask in seen]), masks)


def test_scoring_is_not_training():
    "Dropout is off, BatchNorm learns nothing, no gradient is kept."
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.Dropout(0.9)).train()
    batches = [(torch.randn(2, 3, 16, 16) + 5, batch(0, 2, 4, 16, 16)[1])]
    first, again = (image_confusions(predictions_of(model, batches), 4) for _ in range(2))
    assert (first == again).all() and not model[0].running_mean.any() and not model.training
