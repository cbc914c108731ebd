"Files to samples: their sizes, classes and frequencies, and what is said of files that don't fit."

import numpy as np
import pytest
import torch
from PIL import Image

from linknet_fastai.dataloaders.decode import class_counts, common_size, decode_samples
from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID


def test_a_sample_is_an_image_at_the_size_asked_for_and_a_mask_of_classes(tiny_dataset):
    "As many pixels as 27x48, in the image's own shape: 36x36."
    rows = tiny_dataset.split("val")
    samples = decode_samples(tiny_dataset, rows, (27, 48))
    assert [sample.path for sample in samples] == rows.image.tolist()
    for sample, path in zip(samples, rows["mask"]):
        assert (sample.image.shape, sample.image.dtype, sample.mask.dtype) == ((3, 36, 36), torch.uint8, torch.uint8)
        values = np.array(Image.open(path))
        assert (sample.mask.numpy() == np.where(values == 9, VOID, values)).all()


def test_an_image_of_the_size_asked_for_is_not_changed(tiny_dataset):
    rows = tiny_dataset.split("val")
    sample = decode_samples(tiny_dataset, rows, (64, 64))[1]
    assert (sample.image.permute(1, 2, 0).numpy() == np.asarray(Image.open(rows.image.iloc[1]))).all()


def test_masks_to_train_on_have_their_images_size_and_hold_no_new_values(tiny_dataset):
    for sample in decode_samples(tiny_dataset, tiny_dataset.split("train"), (81, 144), for_training=True):
        assert sample.image.shape == (3, 108, 108) and sample.mask.shape == (108, 108)
        assert set(sample.mask.unique().tolist()) <= {0, 1, 2, VOID}


def test_images_of_different_shapes_are_trained_on_one_canvas_around_which_masks_are_void(tiny_dataset):
    "One image is 32x128, as many pixels as the others' 64x64; the canvas is 64x128."
    rows = tiny_dataset.split("train")
    Image.new("RGB", (128, 32), (10, 20, 30)).save(rows.image.iloc[0])
    Image.new("L", (128, 32), 1).save(rows["mask"].iloc[0])
    wide, square, *_ = decode_samples(tiny_dataset, rows, (64, 64), for_training=True)
    assert wide.mask.shape == square.mask.shape == (64, 128) and wide.image.shape == (3, 64, 128)
    assert (wide.mask == 1).sum() == 32 * 128 and (wide.mask == VOID).sum() == 32 * 128
    assert (wide.image[:, wide.mask == 1] == torch.tensor([[10], [20], [30]])).all()
    assert (square.mask != VOID).sum() <= 64 * 64


def test_the_most_common_size_is_trained_at(tiny_dataset):
    path = tiny_dataset.table.image.iloc[0]
    Image.open(path).resize((200, 100)).save(path)
    assert common_size(tiny_dataset) == (64, 64)


def test_counts_leave_void_out():
    masks = [np.array([[0, 0, 2, VOID]], np.uint8), np.array([[2], [2], [2]], np.uint8)]
    assert class_counts(masks, 4).tolist() == [[2, 0, 1, 0], [0, 0, 3, 0]]


def test_a_split_of_void_only_is_refused(tiny_dataset):
    rows = tiny_dataset.split("val")
    for path in rows["mask"]: Image.fromarray(np.full((64, 64), 9, np.uint8)).save(path)
    with pytest.raises(UserError, match=f"{rows['mask'].iloc[0]}.* void"): decode_samples(tiny_dataset, rows, (64, 64))


def test_a_mask_with_an_unknown_value_is_named(tiny_dataset):
    rows = tiny_dataset.split("train")
    path = rows["mask"].iloc[2]
    Image.fromarray(np.full((64, 64), 5, np.uint8)).save(path)
    with pytest.raises(UserError, match=f"{path}.* 5,"): decode_samples(tiny_dataset, rows, (64, 64))
