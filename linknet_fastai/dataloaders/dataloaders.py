"A dataset as fastai `DataLoaders`: decoded once, then augmented and normalized by the batch."

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import IntToFloatTensor, Normalize
from fastai.torch_core import TensorImage, TensorMask, set_seed
from fasttransform import Transform

from ..datasets.dataset import SegmentationDataset
from ..image_format import ImageFormat
from ..image_grid import GridLayout, image_grid
from ..recipes import Recipe
from .augment import Augment, whole_strides
from .decode import Sample, class_frequencies, common_size, decode_samples
from .lazy import LazySample, labeled_samples, unlabeled_samples


class SampleImage(Transform):
    """A sample's image. fastai finds here what dataloaders know of their dataset, also those without masks.

    `dls.vocab` and `dls.palette` are its classes and colors, `dls.image_size` the (height, width) that images have as
    many pixels as, `dls.segmentation_dataset` the dataset itself.
    """

    def __init__(self, dataset: SegmentationDataset, size: tuple[int, int]):
        super().__init__()
        self.vocab, self.palette = dataset.classes, dataset.palette
        self.segmentation_dataset, self.image_size = dataset, size

    def encodes(self, sample): return TensorImage(sample.image)


def sample_mask(sample): return TensorMask(sample.mask)  # no type: fastai would apply it to no other


class SegmentationDL(TfmdDL):
    """fastai's `TfmdDL`, whose images are drawn in the dataset's palette with a legend.

    As in fastai, nothing is returned.
    """

    start = None  # of the next pass, where that is not its first image

    def begin_at(self, images: int, before_first: Callable[[], None]):
        """The next pass leaves its first `images` out.

        `before_first` is called before the first batch of the others is made.
        """
        self.start = images, before_first

    def get_idxs(self) -> list[int]:
        done = self.start[0] if self.start else 0
        self.sequence = list(super().get_idxs())[done:]
        return self.sequence

    def create_batches(self, samples):
        if self.start:
            (_, before_first), self.start = self.start, None
            before_first()
        yield from super().create_batches(samples)

    def paths(self, batch: int) -> list[Path]:
        "The image files of a batch of the current pass."
        return [self.items[item].path for item in self.sequence[batch * self.bs:(batch + 1) * self.bs]]

    def in_order(self) -> "SegmentationDL":
        """The images of a pass, each once, in the order of `items`, not augmented.

        `items` of the result are these images alone.
        """
        chosen = sorted(set(self.new(shuffle=False, n=self.n).get_idxs()))
        samples = [self.items[place] for place in chosen]
        dataset = Datasets(tls=[tl._new(samples, split_idx=1) for tl in self.dataset.tls], n_inp=self.dataset.n_inp)
        return self.new(dataset, bs=largest_batch(samples, self.bs), shuffle=False, drop_last=False, get_idxs=None)

    def show_batch(self, b=None, max_n: int = 8, show: bool = True, unique: bool = False,
                   figsize: tuple[float, float] | None = None, nrows: int | None = None, ncols: int | None = None):
        """Draw a batch: images beside their masks, where they have some.

        Args:
            b: the batch; one is made if it isn't given.
            max_n: images at most.
            show: return the decoded samples instead.
            unique: show the first image several times, each augmented anew.
            figsize: of the figure, in inches.
            nrows, ncols: images below and beside each other.
        """
        if b is None: b = self.new(get_idxs=lambda: [0] * self.bs).one_batch() if unique else self.one_batch()
        if not show: return super().show_batch(b, max_n, show=False)
        images, *masks = self.decode(b)
        columns = {"truth": masks[0][:max_n]} if masks else {}
        image_grid(images[:max_n], columns, self.vocab, self.palette, layout=GridLayout(figsize, nrows, ncols))

    def show_results(self, b, out, max_n: int = 6, errors: bool = False,
                     figsize: tuple[float, float] | None = None, nrows: int | None = None, ncols: int | None = None):
        """Draw images, masks where they have some, and predictions.

        Args:
            b: a batch.
            out: its predicted classes `[B,H,W]`.
            max_n: images at most.
            errors: draw where predictions are wrong, too.
            figsize: of the figure, in inches.
            nrows, ncols: images below and beside each other.
        """
        images, *masks = self.decode(b)
        columns = {"truth": masks[0][:max_n]} if masks else {}
        image_grid(images[:max_n], columns | {"prediction": out[:max_n]}, self.vocab, self.palette,
                   errors=errors and bool(masks), layout=GridLayout(figsize, nrows, ncols))


class SegmentationDataLoaders(DataLoaders):
    "`DataLoaders` of images `[B,C,H,W]`, normalized, and masks `[B,H,W]` with void as 255."

    def __init__(self, *loaders, path: str | Path = ".", device=None):
        super().__init__(*loaders, path=path, device=device)
        self.first_shuffle = loaders[0].rng.getstate()

    @classmethod
    def from_dataset(cls, dataset: SegmentationDataset, recipe: Recipe = Recipe(),
                     device: torch.device | str | None = None, validate: bool = True) -> "SegmentationDataLoaders":
        """Training batches are augmented, and random crops of the recipe's size rounded down to whole strides.

        Validation images have the recipe's size, their masks their own; there are none without `validate`. What is
        drawn at random follows from the recipe's seed. `UserError` for the first file that is damaged or doesn't fit.
        """
        set_seed(recipe.seed)
        size = recipe.size or common_size(dataset)
        recipe = replace(recipe, size=size)
        train = decode_samples(dataset, dataset.split("train"), size, for_training=True)
        valid = decode_samples(dataset, dataset.split("val"), size) if validate else []
        splits = [list(range(len(train))), list(range(len(train), len(train) + len(valid)))]
        datasets = Datasets(train + valid, [[SampleImage(dataset, size)], [sample_mask]], splits=splits,
                            dl_type=SegmentationDL)
        dls = datasets.dataloaders(
            bs=recipe.batch_size, val_bs=largest_batch(valid, recipe.batch_size),
            drop_last=len(train) > recipe.batch_size,
            after_batch=[IntToFloatTensor(), Augment(recipe, whole_strides(size)), normalization(dataset.image_format)],
            device=device, num_workers=0, pin_memory=torch.device(device or "cpu").type == "cuda")
        return cls(*dls.loaders, path=dls.path, device=dls.device)

    def restart_shuffle(self):
        "Training images come in the order that they had at first, from here on."
        self.train.rng.setstate(self.first_shuffle)

    def in_batches_of(self, size: int) -> "SegmentationDataLoaders":
        "These, with `size` training images at once, in the same order."
        if size == self.train.bs: return self
        train = self.train.new(bs=size)
        train.rng = self.train.rng  # fastai draws another for each `DataLoader`
        return type(self)(train, self.valid, path=self.path, device=self.device)

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
    def class_frequencies(self) -> np.ndarray:
        "Frequency of each class among the training masks' pixels, void left out, `[C]`."
        return class_frequencies([sample.mask.numpy() for sample in self.train_ds.items], len(self.vocab))


def evaluation_dl(dataset: SegmentationDataset, split: str, size: tuple[int, int], batch_size: int,
                  device: torch.device | str) -> SegmentationDL:
    """One split in its own order, not augmented.

    Args:
        dataset: what the split is of; `UserError` where it has none of that name, or a file that can't be read.
        split: `train`, `val` or `test`.
        size: (height, width) of the images; masks have their own.
        batch_size: images at once, where all masks are of one size, else one.
        device: where the batches go.
    """
    samples = decode_samples(dataset, dataset.split(split), size)
    datasets = Datasets(samples, [[SampleImage(dataset, size)], [sample_mask]])
    return SegmentationDL(datasets, bs=largest_batch(samples, batch_size), num_workers=0, device=device,
                          after_batch=[IntToFloatTensor(), normalization(dataset.image_format)])


def normalization(format: ImageFormat) -> Normalize:
    "By the mean and the standard deviation of the format's channels."
    return Normalize.from_stats(format.mean, format.std, cuda=False)


def largest_batch(samples: list[Sample | LazySample], batch_size: int) -> int:
    "`batch_size`, or 1 where images or masks are of different sizes, which can't share a batch."
    return batch_size if len({sample.sizes for sample in samples}) <= 1 else 1
