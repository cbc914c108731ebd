"A dataset as fastai `DataLoaders`: decoded once, then augmented and normalized by the batch."

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.data.core import DataLoaders, Datasets
from fastai.data.transforms import IntToFloatTensor, Normalize
from fastai.torch_core import default_device, set_seed

from ..datasets.dataset import SegmentationDataset
from ..images.tiling import TileOptions
from ..models.stats import Stats, model_stats
from ..recipes import Recipe
from .augment import Augment, whole_strides
from .crop_dl import CropDL
from .crops import Crops
from .decode import class_counts, common_size, decode_samples
from .lazy import labeled_samples, unlabeled_samples
from .segmentation_dl import SampleImage, SegmentationDL, largest_batch, sample_mask
from .tiles import tile_samples


class SegmentationDataLoaders(DataLoaders):
    """`DataLoaders` of images `[B,C,H,W]`, normalized, and masks `[B,H,W]` with void as 255.

    `scored` are the validation images as they are scored: whole. So are those of `valid`, but of a training on crops,
    where these are tiles.
    """

    def __init__(self, *loaders, path: str | Path = ".", device=None, scored: SegmentationDL | None = None):
        super().__init__(*loaders, path=path, device=device)
        self.first_shuffle = loaders[0].rng.getstate()
        self.scored = self.valid if scored is None else scored

    @classmethod
    def from_dataset(cls, dataset: SegmentationDataset, recipe: Recipe = Recipe(),
                     device: torch.device | str | None = None, validate: bool = True) -> "SegmentationDataLoaders":
        """Training batches are augmented, and random crops of the recipe's size rounded down to whole strides.

        Validation images have the recipe's `test_size`, their masks their own; there are none without `validate`. With
        the recipe's `crop` both are parts of images at their own resolution (`Crops`, `tile_samples`). What is drawn at
        random follows from the recipe's seed. `UserError` for the first file that is damaged or doesn't fit.
        """
        set_seed(recipe.seed)
        device = torch.device(device or default_device())
        if recipe.crop: return cls._of_crops(dataset, recipe, device, validate)
        recipe = with_size(recipe, dataset)
        train = decode_samples(dataset, _training_rows(dataset, recipe), recipe.size, for_training=True)
        valid = decode_samples(dataset, dataset.split("val"), recipe.test_size) if validate else []
        dls = _datasets(dataset, recipe, train, valid, recipe.test_size).dataloaders(
            bs=recipe.batch_size, val_bs=largest_batch(valid, recipe.batch_size),
            drop_last=len(train) > recipe.batch_size, **_options(dataset, recipe, recipe.size, device))
        return cls(*dls.loaders, path=dls.path, device=dls.device)

    @classmethod
    def _of_crops(cls, dataset: SegmentationDataset, recipe: Recipe, device: torch.device,
                  validate: bool) -> "SegmentationDataLoaders":
        samples = decode_samples(dataset, _training_rows(dataset, recipe), None, for_training=True)
        scored = evaluation_dl(dataset, "val", recipe, device) if validate else None
        tiles = tile_samples(list(scored.items), scored.tiling) if validate else []
        datasets = _datasets(dataset, recipe, samples, tiles, None)
        options, crops = _options(dataset, recipe, recipe.crop, device), Crops(samples, recipe, len(dataset.classes))
        train = CropDL(datasets.subset(0), crops, bs=recipe.batch_size, shuffle=True,
                       drop_last=len(crops) > recipe.batch_size, **options)
        valid = SegmentationDL(datasets.subset(1), bs=largest_batch(tiles, recipe.batch_size), **options)
        return cls(train, valid, device=device, scored=scored)

    def restart_shuffle(self):
        "Training images come in the order that they had at first, from here on."
        self.train.rng.setstate(self.first_shuffle)

    def in_batches_of(self, size: int) -> "SegmentationDataLoaders":
        """These, with `size` training images at once, in the same order, and no more to validate on.

        A pass has the same images: `train.step_images` are as many as one batch had, or all, where those are fewer.
        """
        if size == self.train.bs: return self
        train = self.train.new(bs=size, step_images=self.train.step_images or min(self.train.bs, self.train.n))
        train.rng = self.train.rng  # fastai draws another for each `DataLoader`
        valid, scored = (dl.new(bs=min(dl.bs, size)) for dl in (self.valid, self.scored))
        smaller = type(self)(train, valid, path=self.path, device=self.device,
                             scored=valid if self.scored is self.valid else scored)
        smaller.first_shuffle = self.first_shuffle
        return smaller

    def test_dl(self, test_items: Any, rm_type_tfms=None, with_labels: bool = False, **kwargs) -> SegmentationDL:
        """Batches of other images, decoded when a batch asks for them.

        Args:
            test_items: one image or several: paths, Pillow images, arrays `[H,W,3]`, tensors `[3,H,W]`; with labels,
                image files of the dataset, or tuples of an image file and its mask file.
            rm_type_tfms: fastai's, of no effect: it finds out what an image is by itself.
            with_labels: whether batches have masks.
            kwargs: more arguments of fastai's `test_dl`, such as `bs`.

        Raises `UserError` for an empty list, and where a mask is not known.
        """
        if with_labels: samples = labeled_samples(test_items, self.segmentation_dataset, self.image_size)
        else: samples = unlabeled_samples(test_items, self.segmentation_dataset, self.image_size)
        kwargs.setdefault("bs", largest_batch(samples, self.train.bs))
        return super().test_dl(samples, rm_type_tfms=0, with_labels=with_labels, **kwargs)

    @cached_property
    def class_counts(self) -> np.ndarray:
        "The pixels of each class in each training mask, void left out, `[N,C]`."
        return class_counts([sample.mask.numpy() for sample in self.train_ds.items], len(self.vocab))

    @property
    def class_frequencies(self) -> np.ndarray:
        "Frequency of each class among the training masks' pixels, void left out, `[C]`."
        return self.class_counts.sum(axis=0) / self.class_counts.sum()


def _training_rows(dataset: SegmentationDataset, recipe: Recipe) -> pd.DataFrame:
    "The training split, or as many of its images as the recipe asks for, drawn by its seed."
    rows = dataset.split("train")
    if recipe.train_images is None or recipe.train_images >= len(rows): return rows
    return rows.sample(recipe.train_images, random_state=recipe.seed).sort_index()


def _datasets(dataset: SegmentationDataset, recipe: Recipe, train: list, valid: list,
              size: tuple[int, int] | None) -> Datasets:
    splits = [list(range(len(train))), list(range(len(train), len(train) + len(valid)))]
    image = SampleImage(dataset, size, model_stats(recipe, dataset.channels))
    return Datasets(train + valid, [[image], [sample_mask]], splits=splits, dl_type=SegmentationDL)


def _options(dataset: SegmentationDataset, recipe: Recipe, size: tuple[int, int], device: torch.device) -> dict:
    "Of dataloaders whose training images come to the model in `size`, rounded down to whole strides."
    augment = Augment(recipe, whole_strides(size))
    return dict(after_batch=[IntToFloatTensor(), augment, normalization(model_stats(recipe, dataset.channels))],
                device=device, num_workers=0, pin_memory=device.type == "cuda")


def evaluation_dl(dataset: SegmentationDataset, split: str, recipe: Recipe, device: torch.device | str,
                  tiles: TileOptions = TileOptions()) -> SegmentationDL:
    """One split in its own order, whole and not augmented.

    Args:
        dataset: what the split is of; `UserError` where it has none of that name, or a file that can't be read.
        split: `train`, `val`, `test`, or `all`.
        recipe: its `test_size` is that of the images; masks have their own. With its `crop` images are at their own
            resolution, to be predicted by tiles of that size.
        device: where the batches go.
        tiles: others to predict by, also of a recipe without `crop`.
    """
    tiling = tiles.tiling(recipe.crop)
    size = None if tiling else recipe.test_size
    samples = decode_samples(dataset, dataset.split(split), size)
    stats = model_stats(recipe, dataset.channels)
    datasets = Datasets(samples, [[SampleImage(dataset, size, stats, tiling)], [sample_mask]])
    return SegmentationDL(datasets, bs=largest_batch(samples, recipe.batch_size), num_workers=0, device=device,
                          after_batch=[IntToFloatTensor(), normalization(stats)])


def with_size(recipe: Recipe, dataset: SegmentationDataset) -> Recipe:
    "The recipe with a `size`, that of most of the dataset's images, where it has neither that nor `crop`."
    return recipe if recipe.input_size else replace(recipe, size=common_size(dataset))


def normalization(stats: Stats) -> Normalize:
    "fastai's, by a model's `stats`."
    return Normalize.from_stats(*stats, cuda=False)
