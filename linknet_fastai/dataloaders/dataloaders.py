"A dataset as fastai `DataLoaders`: decoded once, then augmented and normalized by the batch."

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import IntToFloatTensor, Normalize
from fastai.torch_core import TensorImage, TensorMask
from fasttransform import Transform

from ..datasets.dataset import SegmentationDataset
from ..image_grid import image_grid
from ..recipes import Recipe
from .augment import Augment, whole_strides
from .decode import Sample, class_frequencies, common_size, decode_image, decode_samples

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, on which the encoders were trained


def sample_image(sample: Sample) -> TensorImage: return TensorImage(sample.image)


class SampleMask(Transform):
    "fastai finds `dls.vocab` and `dls.palette` here."

    def __init__(self, dataset: SegmentationDataset):
        super().__init__()
        self.vocab, self.palette = dataset.classes, dataset.palette

    def encodes(self, sample): return TensorMask(sample.mask)


class SegmentationDL(TfmdDL):
    "fastai's `TfmdDL`, whose images are drawn in the dataset's palette with a legend; as in fastai, nothing is returned."

    start = None  # of the next pass, where that is not its first image

    def begin_at(self, images: int, before_first: Callable[[], None]):
        "The next pass leaves its first `images` out; `before_first` is called before the first batch of the others is made."
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

    def show_batch(self, b=None, max_n: int = 8, show: bool = True, **kwargs):
        if not show: return super().show_batch(b, max_n, show=False)
        images, masks = self.decode(self.one_batch() if b is None else b)
        image_grid(images[:max_n], {"truth": masks[:max_n]}, self.vocab, self.palette, **kwargs)

    def show_results(self, b, out, max_n: int = 6, **kwargs):
        images, masks = self.decode(b)
        image_grid(images[:max_n], {"truth": masks[:max_n], "prediction": out[:max_n]}, self.vocab, self.palette, **kwargs)


class SegmentationDataLoaders(DataLoaders):
    "`DataLoaders` of images `[B,3,H,W]`, normalized, and masks `[B,H,W]` with void as 255."

    @classmethod
    def from_dataset(cls, dataset: SegmentationDataset, recipe: Recipe = Recipe(),
                     device: torch.device | str | None = None, validate: bool = True) -> "SegmentationDataLoaders":
        """Training batches are augmented, and random crops of the recipe's size rounded down to whole strides.

        Validation images have the recipe's size, their masks their own; there are none without `validate`. `UserError` for the
        first file that is damaged or doesn't fit.
        """
        size = recipe.size or common_size(dataset)
        recipe = replace(recipe, size=size)
        train = decode_samples(dataset, dataset.split("train"), size, mask_size=size)
        valid = decode_samples(dataset, dataset.split("val"), size) if validate else []
        splits = [list(range(len(train))), list(range(len(train), len(train) + len(valid)))]
        datasets = Datasets(train + valid, [[sample_image], [SampleMask(dataset)]], splits=splits, dl_type=SegmentationDL)
        dls = datasets.dataloaders(
            bs=recipe.batch_size, val_bs=largest_batch(valid, recipe.batch_size), drop_last=len(train) > recipe.batch_size,
            after_batch=[IntToFloatTensor(), Augment(recipe, whole_strides(size)), normalization()],
            device=device, num_workers=0, pin_memory=torch.device(device or "cpu").type == "cuda")
        return cls(*dls.loaders, path=dls.path, device=dls.device)

    @property
    def size(self) -> tuple[int, int]:
        "(height, width) of the images before they are augmented."
        return tuple(self.train_ds.items[0].image.shape[-2:])

    def in_batches_of(self, size: int) -> "SegmentationDataLoaders":
        "These, with `size` training images at once, in the same order."
        if size == self.train.bs: return self
        train = self.train.new(bs=size)
        train.rng = self.train.rng  # fastai draws another for each `DataLoader`
        return type(self)(train, self.valid, path=self.path, device=self.device)

    def test_dl(self, paths: list[Path], **kwargs) -> SegmentationDL:
        "Batches of image files without masks, for `learn.get_preds` and `learn.predict`."
        return super().test_dl([Sample(path, decode_image(path, self.size)) for path in paths], **kwargs)

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
    datasets = Datasets(samples, [[sample_image], [SampleMask(dataset)]])
    return SegmentationDL(datasets, bs=largest_batch(samples, batch_size), num_workers=0, device=device,
                          after_batch=[IntToFloatTensor(), normalization()])


def normalization() -> Normalize:
    "By ImageNet's mean and standard deviation."
    return Normalize.from_stats(MEAN, STD, cuda=False)


def largest_batch(samples: list[Sample], batch_size: int) -> int:
    "`batch_size`, or 1 where masks are of different sizes, which can't share a batch."
    return batch_size if len({sample.mask.shape for sample in samples}) == 1 else 1
