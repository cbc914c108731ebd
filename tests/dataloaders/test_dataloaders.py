"Batches: decoded once, augmented for training only, masks at their own resolution for scoring."

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from linknet_fastai.errors import UserError
from linknet_fastai.images import VOID
from linknet_fastai.dataloaders.dataloaders import MEAN, STD, SegmentationDataLoaders, common_size, evaluation_batches, whole_strides
from linknet_fastai.recipes import Recipe

RECIPE = Recipe(weights="none", batch_size=4)


def loaders(dataset, recipe=RECIPE):
    return SegmentationDataLoaders.from_dataset(dataset, recipe, "cpu")


def test_validation_images_are_the_files_normalized(tiny_dataset):
    images, masks = loaders(tiny_dataset).valid.one_batch()
    rows = tiny_dataset.split("val")
    pixels = torch.tensor(np.asarray(Image.open(rows.image.iloc[1]))).permute(2, 0, 1) / 255
    expected = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    assert torch.allclose(torch.as_tensor(images[1]), expected, atol=1e-5)
    truth = np.asarray(Image.open(rows["mask"].iloc[1])).copy()
    truth[truth == 9] = VOID
    assert (masks[1].numpy() == truth).all()


def test_training_images_differ_from_pass_to_pass_and_validation_images_do_not(tiny_dataset):
    dls = loaders(tiny_dataset)
    assert torch.equal(torch.cat([b[0] for b in dls.valid]), torch.cat([b[0] for b in dls.valid]))
    first, again = (torch.stack([b[0].sum() for b in dls.train]) for _ in range(2))
    assert not torch.equal(first, again)


def test_the_same_seed_gives_the_same_training_batch(tiny_dataset):
    from fastai.torch_core import set_seed
    batches = []
    for _ in range(2):
        set_seed(7)
        batches.append(loaders(tiny_dataset).one_batch())
    assert torch.equal(batches[0][0], batches[1][0]) and torch.equal(batches[0][1], batches[1][1])


def test_training_crops_are_whole_strides():
    assert whole_strides((360, 480)) == (352, 480)
    assert whole_strides((64, 64)) == (64, 64)


def test_masks_keep_their_own_size_for_scoring(tiny_dataset):
    images, masks = loaders(tiny_dataset, replace(RECIPE, size=(96, 128))).valid.one_batch()
    assert images.shape == (4, 3, 96, 128) and masks.shape == (4, 64, 64)


def test_masks_of_different_sizes_are_scored_one_by_one(tiny_dataset):
    row = tiny_dataset.split("val").iloc[0]
    for path in (row["image"], row["mask"]): Image.open(path).resize((80, 72), Image.Resampling.NEAREST).save(path)
    dl = evaluation_batches(tiny_dataset, "val", (64, 64), 4, "cpu")
    assert [tuple(masks.shape) for _, masks in dl] == [(1, 72, 80)] + 3 * [(1, 64, 64)]


def test_the_most_common_size_is_trained_at(tiny_dataset):
    path = tiny_dataset.table.image.iloc[0]
    Image.open(path).resize((200, 100)).save(path)
    assert common_size(tiny_dataset) == (64, 64)


def test_frequencies_leave_void_out_and_sum_to_one(tiny_dataset):
    masks = np.stack([np.asarray(Image.open(path)) for path in tiny_dataset.split("train")["mask"]])
    counts = np.array([(masks == c).sum() for c in range(3)])
    assert np.allclose(loaders(tiny_dataset).class_frequencies, counts / counts.sum())


def test_a_split_of_void_only_is_refused(tiny_dataset):
    for path in tiny_dataset.split("val")["mask"]: Image.fromarray(np.full((64, 64), 9, np.uint8)).save(path)
    with pytest.raises(UserError, match="void only"): loaders(tiny_dataset)


def test_a_mask_with_an_unknown_value_is_named(tiny_dataset):
    path = tiny_dataset.split("train")["mask"].iloc[2]
    Image.fromarray(np.full((64, 64), 5, np.uint8)).save(path)
    with pytest.raises(UserError) as raised: loaders(tiny_dataset)
    assert str(path) in str(raised.value) and "values 5," in str(raised.value)
