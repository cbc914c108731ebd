"Batches: decoded once, augmented for training only, masks at their own resolution for scoring."

from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from timm.data import IMAGENET_DEFAULT_MEAN as MEAN
from timm.data import IMAGENET_DEFAULT_STD as STD

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders, evaluation_dl
from linknet_fastai.images.mask import VOID
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
    first, again, other = (loaders(tiny_dataset, replace(RECIPE, seed=seed)).one_batch() for seed in (7, 7, 8))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_training_images_are_of_whole_strides(tiny_dataset):
    images, masks = loaders(tiny_dataset, replace(RECIPE, size=(70, 100))).train.one_batch()
    assert images.shape == (4, 3, 64, 96) and masks.shape == (4, 64, 96)


def test_masks_keep_their_own_size_for_scoring(tiny_dataset):
    "Images of 64x64 have the pixels of 81x144 in their own shape: 108x108."
    images, masks = loaders(tiny_dataset, replace(RECIPE, size=(81, 144))).valid.one_batch()
    assert images.shape == (4, 3, 108, 108) and masks.shape == (4, 64, 64)


def test_images_are_predicted_at_another_size_than_they_are_trained_at(tiny_dataset):
    dls = loaders(tiny_dataset, replace(RECIPE, size=(64, 64), test_scale=1.25))
    assert dls.train.one_batch()[0].shape == (4, 3, 64, 64)
    images, masks = dls.valid.one_batch()
    assert images.shape == (4, 3, 80, 80) and masks.shape == (4, 64, 64)
    unknown, = dls.test_dl(tiny_dataset.split("val").image.iloc[0]).one_batch()
    assert unknown.shape == (1, 3, 80, 80)


def test_masks_of_different_sizes_are_scored_one_by_one(tiny_dataset):
    row = tiny_dataset.split("val").iloc[0]
    for path in (row["image"], row["mask"]): Image.open(path).resize((80, 72), Image.Resampling.NEAREST).save(path)
    dl = evaluation_dl(tiny_dataset, "val", Recipe(size=(64, 64)), "cpu")
    assert [tuple(masks.shape) for _, masks in dl] == [(1, 72, 80)] + 3 * [(1, 64, 64)]
