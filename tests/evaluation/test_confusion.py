"Confusion matrices against scikit-learn's."

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn

from linknet_fastai.runtime.device import Machine
from linknet_fastai.images import VOID
from linknet_fastai.evaluation.scores import Scores
from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders, evaluation_batches
from linknet_fastai.evaluation.confusion import resize_logits, confusion_matrices, evaluate
from linknet_fastai.training.learner import linknet_learner
from linknet_fastai.recipes import Recipe

RECIPE = Recipe(encoder="test_resnet", weights="none", batch_size=4, epochs=1)
CPU = Machine(torch.device("cpu"), "fp32")


def batch(seed: int, images: int = 3, classes: int = 5, height: int = 9, width: int = 13) -> tuple[Tensor, Tensor]:
    "Logits, and masks of which about a tenth is void."
    generator = torch.Generator().manual_seed(seed)
    masks = torch.randint(0, classes, (images, height, width), generator=generator)
    masks[torch.rand(masks.shape, generator=generator) < 0.1] = VOID
    return torch.randn(images, classes, height, width, generator=generator), masks


def by_sklearn(masks, predicted, classes: int) -> np.ndarray:
    masks, predicted = np.asarray(masks).ravel(), np.asarray(predicted).ravel()
    known = masks != VOID
    return confusion_matrix(masks[known], predicted[known], labels=range(classes))


@pytest.fixture
def learn(tiny_dataset):
    "Trains at 64x96 on masks of 64x64."
    torch.manual_seed(0)
    recipe = Recipe(**{**vars(RECIPE), "size": (64, 96)})
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(tiny_dataset, recipe, "cpu"), recipe, CPU)
    with learn.no_bar(), learn.no_logging(): yield learn


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_each_image_s_matrix_is_sklearn_s(dtype):
    logits, masks = batch(0)
    matrices = confusion_matrices(logits, masks.to(dtype))
    assert matrices.dtype == torch.int64
    for matrix, mask, image in zip(matrices, masks, logits, strict=True):
        assert (matrix.numpy() == by_sklearn(mask, image.argmax(0), 5)).all()


def test_matrices_sum_to_that_of_all_pixels():
    logits, masks = batch(1)
    assert (confusion_matrices(logits, masks).sum(0).numpy() == by_sklearn(masks, logits.argmax(1), 5)).all()


def test_rows_are_true_and_columns_predicted():
    "One pixel of class 2, taken for class 0."
    logits = torch.tensor([9.0, 0, 0]).view(1, 3, 1, 1)
    assert confusion_matrices(logits, torch.tensor([[[2]]])).tolist() == [[[0, 0, 0], [0, 0, 0], [1, 0, 0]]]


def test_all_void_counts_nothing():
    logits, masks = batch(2)
    masks[1] = VOID
    matrices = confusion_matrices(logits, masks)
    assert not matrices[1].any() and matrices[0].any() and matrices[2].any()


def test_logits_are_brought_to_the_masks_bilinearly():
    "Between pixel centres, as OpenCV and Pillow place them."
    logits = torch.tensor([[0.0, 1], [2, 3]])[None, None]
    assert resize_logits(torch.zeros(1, 2, 4), logits)[0, 0].tolist() == [[0, 0.25, 0.75, 1], [2, 2.25, 2.75, 3]]
    assert resize_logits(torch.zeros(1, 2, 2), logits) is logits


def test_evaluate_gives_a_matrix_an_image_in_the_batches_order():
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3, padding=1)
    batches = [(torch.randn(n, 3, 8, 6), batch(n, n, 4, 8, 6)[1]) for n in (3, 2)]
    matrices = evaluate(model, batches)
    expected = [by_sklearn(mask, logits.argmax(0), 4)
                for images, masks in batches for logits, mask in zip(model(images), masks)]
    assert matrices.dtype == np.int64 and (matrices == np.array(expected)).all()


def test_evaluate_scores_at_each_batch_s_own_resolution():
    model = nn.Identity()
    batches = [(torch.eye(3).view(1, 3, 1, 3), torch.tensor([[0, 0, 1, 1, 2, 2]]).repeat(1, 2, 1)),
               (torch.eye(3).view(1, 3, 1, 3), torch.tensor([[[0, 1, 1]]]))]
    assert evaluate(model, batches).tolist() == [[[4, 0, 0], [0, 4, 0], [0, 0, 4]], [[1, 0, 0], [0, 1, 1], [0, 0, 0]]]


def test_evaluate_is_not_training():
    "Dropout is off, BatchNorm learns nothing, no gradient is kept."
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.Dropout(0.9)).train()
    images, masks = torch.randn(2, 3, 16, 16) + 5, batch(0, 2, 4, 16, 16)[1]
    first, again = evaluate(model, [(images, masks)]), evaluate(model, [(images, masks)])
    assert (first == again).all() and not model[0].running_mean.any() and not model.training


def test_validate_and_evaluate_give_the_same_matrix(learn, tiny_dataset):
    with learn.no_logging(): learn.fit(1, 1e-2)
    loss, *metrics = learn.validate()
    validated = learn.evaluation.scores
    matrices = evaluate(learn.model, learn.dls.valid)
    assert (validated.confusion == matrices.sum(0)).all()
    assert (matrices.sum((1, 2)) > 0).all() and (validated.confusion.sum(0) > 0).sum() > 1  # not all one class
    assert metrics == list(Scores(matrices.sum(0), tiny_dataset.classes).summary().values())
    split = evaluation_batches(tiny_dataset, "val", (64, 96), 3, "cpu")
    assert (evaluate(learn.model, split) == matrices).all()


def test_every_pixel_of_the_mask_files_is_scored_but_void(learn, tiny_dataset):
    learn.validate()
    masks = np.concatenate([np.asarray(Image.open(path)).ravel() for path in tiny_dataset.split("val")["mask"]])
    assert learn.evaluation.scores.confusion.sum(1).tolist() == np.bincount(masks, minlength=10)[:3].tolist()


def test_validation_is_scored_on_the_model_s_own_predictions(learn, tiny_dataset):
    learn.validate()
    expected = np.zeros((3, 3), dtype=int)
    for images, masks in learn.dls.valid:
        with torch.no_grad(): logits = nn.functional.interpolate(learn.model.eval()(images), (64, 64), mode="bilinear")
        expected += by_sklearn(masks, logits.argmax(1), 3)
    assert (learn.evaluation.scores.confusion == expected).all()


def test_training_images_are_not_scored(learn):
    with learn.no_logging(): learn.fit(1, 1e-3)
    assert (learn.evaluation.scores.confusion == evaluate(learn.model, learn.dls.valid).sum(0)).all()


def test_fastai_s_record_has_the_scores_by_name(learn):
    learn.fit(1, 1e-3)
    assert list(learn.recorder.metric_names) == ["epoch", "train_loss", "valid_loss", *Scores.NAMES, "time"]
    assert learn.recorder.values[-1][2:] == list(learn.evaluation.scores.summary().values())
