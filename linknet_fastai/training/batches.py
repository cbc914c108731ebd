"A data set as fastai `DataLoaders`: decoded once, then augmented and normalised by the batch."

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import IntToFloatTensor, Normalize
from fastai.torch_core import TensorImage, TensorMask
from fasttransform import Transform
from PIL import Image

from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..pictures import VOID, picture_size, read_image
from ..runs.sheets import picture_sheet
from .augment import Augment, whole_strides
from .class_weights import class_frequencies
from .recipes import Recipe
from .store import stored

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, on which the encoders were trained


@dataclass(frozen=True)
class Pair:
    "A picture and its mask, decoded: uint8 `[3,H,W]` at the training size, uint8 `[h,w]` with void, if there is one."

    path: Path
    image: torch.Tensor
    mask: torch.Tensor | None = None
    instances: Path | None = None  # the file that numbers single things, where the data set has one


def decoded_image(pair: Pair): return TensorImage(pair.image)


class DecodedMask(Transform):
    "fastai finds `dls.vocab` and `dls.palette` here."

    def __init__(self, dataset: SegmentationDataset):
        super().__init__()
        self.vocab, self.palette = dataset.classes, dataset.palette

    def encodes(self, pair): return TensorMask(pair.mask)


class SegmentationDL(TfmdDL):
    "fastai's `TfmdDL`, whose pictures are drawn in the data set's palette with a legend; as in fastai, nothing is returned."

    start = None  # of the next pass, where that is not its first picture

    def begin_at(self, pictures: int, before_first: Callable[[], None]):
        "The next pass leaves its first `pictures` out; `before_first` is called before the first batch of the others is made."
        self.start = pictures, before_first

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
        "The picture files of a batch of the current pass."
        return [self.items[item].path for item in self.sequence[batch * self.bs:(batch + 1) * self.bs]]

    def show_batch(self, b=None, max_n: int = 8, show: bool = True, **kwargs):
        if not show: return super().show_batch(b, max_n, show=False)
        images, masks = self.decode(self.one_batch() if b is None else b)
        picture_sheet(images[:max_n], {"truth": masks[:max_n]}, self.vocab, self.palette, **kwargs)

    def show_results(self, b, out, max_n: int = 6, **kwargs):
        images, masks = self.decode(b)
        picture_sheet(images[:max_n], {"truth": masks[:max_n], "prediction": out[:max_n]}, self.vocab, self.palette, **kwargs)


class SegmentationDataLoaders(DataLoaders):
    "`DataLoaders` of images `[B,3,H,W]`, normalised, and masks `[B,H,W]` with void as 255."

    @classmethod
    def from_dataset(cls, dataset: SegmentationDataset, recipe: Recipe = Recipe(),
                     device: torch.device | str | None = None, validate: bool = True) -> "SegmentationDataLoaders":
        """Training batches are augmented, and random crops of the recipe's size rounded down to whole strides.

        Validation pictures have the recipe's size, their masks their own; there are none without `validate`. `UserError` for the
        first file that is damaged or doesn't fit.
        """
        recipe = replace(recipe, size=recipe.size or common_size(dataset))
        size = recipe.size
        train = decode_pairs(dataset, dataset.split("train"), size, mask_size=size)
        valid = decode_pairs(dataset, dataset.split("val"), size) if validate else []
        splits = [list(range(len(train))), list(range(len(train), len(train) + len(valid)))]
        datasets = Datasets(train + valid, [[decoded_image], [DecodedMask(dataset)]], splits=splits,
                            dl_type=SegmentationDL)
        datasets._dbunch_type = cls
        dls = datasets.dataloaders(
            bs=recipe.batch_size, val_bs=largest_batch(valid, recipe.batch_size), drop_last=len(train) > recipe.batch_size,
            after_batch=[IntToFloatTensor(), Augment(recipe, whole_strides(size)), normalization()],
            device=device, num_workers=0, pin_memory=torch.device(device or "cpu").type == "cuda")
        dls.size = size
        return dls

    def in_batches_of(self, size: int) -> "SegmentationDataLoaders":
        "These, with `size` training pictures at once, in the same order."
        if size == self.train.bs: return self
        others = type(self)(self.train.new(bs=size), self.valid)
        others.size, others.train.rng = self.size, self.train.rng
        return others

    def test_dl(self, paths: list[Path], **kwargs) -> SegmentationDL:
        "Batches of picture files without masks, for `learn.get_preds` and `learn.predict`."
        return super().test_dl([Pair(path, decode_image(path, self.size)) for path in paths], **kwargs)

    @cached_property
    def class_frequencies(self) -> np.ndarray:
        "Share of each class in the training masks' pixels, void left out, `[C]`."
        return class_frequencies([pair.mask.numpy() for pair in self.train_ds.items], len(self.vocab))


def evaluation_batches(dataset: SegmentationDataset, split: str, size: tuple[int, int], batch_size: int,
                       device: torch.device | str) -> SegmentationDL:
    "One split in its own order: pictures at `size`, not augmented, masks at their own resolution."
    pairs = decode_pairs(dataset, dataset.split(split), size)
    datasets = Datasets(pairs, [[decoded_image], [DecodedMask(dataset)]])
    return SegmentationDL(datasets, bs=largest_batch(pairs, batch_size), num_workers=0, device=device,
                          after_batch=[IntToFloatTensor(), normalization()])


def normalization() -> Normalize:
    return Normalize.from_stats(MEAN, STD, cuda=False)


def largest_batch(pairs: list[Pair], batch_size: int) -> int:
    "Masks of different sizes can't share a batch."
    return batch_size if len({pair.mask.shape for pair in pairs}) == 1 else 1


def common_size(dataset: SegmentationDataset) -> tuple[int, int]:
    "The (height, width) that most pictures of the data set have."
    sizes = Counter(picture_size(path) for path in dataset.table.image)
    return sizes.most_common(1)[0][0]


def decode_image(path: Path, size: tuple[int, int]) -> torch.Tensor:
    "uint8 `[3,H,W]`."
    return torch.tensor(_to_array(read_image(path), size))


def decode_pairs(dataset: SegmentationDataset, rows: pd.DataFrame, size: tuple[int, int],
                 mask_size: tuple[int, int] | None = None) -> list[Pair]:
    "Rows of the data set's table, decoded in parallel; masks at their own size unless `mask_size` is given."
    mask_sizes = [mask_size or mask_file_size(dataset, path) for path in rows["mask"]]
    counts = [count for height, width in mask_sizes for count in (3 * size[0] * size[1], height * width)]
    ends = np.cumsum(counts)

    def views(content: np.ndarray) -> list[np.ndarray]: return np.split(content, ends[:-1])

    def fill(content: np.ndarray):
        parts = views(content)
        def decode(image_path: Path, mask_path: Path, image_room: np.ndarray, mask_room: np.ndarray):
            image = dataset.read_image(image_path)
            mask = dataset.read_mask(mask_path, size=(image.height, image.width))
            if mask_size is not None and mask.shape != mask_size:
                mask = np.asarray(Image.fromarray(mask).resize(mask_size[::-1], Image.Resampling.NEAREST))
            image_room[:] = _to_array(image, size).ravel()
            mask_room[:] = mask.ravel()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(decode, rows["image"], rows["mask"], parts[::2], parts[1::2]): pass

    name = f"{dataset.root} {rows.split.iloc[0]} {mask_size is None}"
    content = stored(name, _key(dataset, rows, size, mask_size), ends[-1], fill)
    parts = [torch.from_numpy(part) for part in views(content)]
    pairs = [Pair(path, image.view(3, *size), mask.view(height, width), instances)
             for path, image, mask, (height, width), instances
             in zip(rows["image"], parts[::2], parts[1::2], mask_sizes, rows.get("instances", repeat(None)))]
    if all((pair.mask == VOID).all() for pair in pairs):
        raise UserError(f"{rows['mask'].iloc[0]}: this mask and all others of its split are void only; "
                        "add masks with pixels of a class.")
    return pairs


def mask_file_size(dataset: SegmentationDataset, path: Path) -> tuple[int, int]:
    "(height, width) by the file's header."
    return picture_size(dataset.inside(path))


def _key(dataset: SegmentationDataset, rows: pd.DataFrame, *made: tuple[int, int] | None) -> bytes:
    "All that the decoded pixels depend on."
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in [*rows["image"], *rows["mask"]]]
    return repr((made, sorted(dataset.values.items()), files)).encode()


def _to_array(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    "uint8 `[3,H,W]`, resized with antialiasing where it has another size."
    if (image.height, image.width) != size: image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)
