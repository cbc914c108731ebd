"A split of a dataset as fastai's `TfmdDL`, drawn in the dataset's palette."

from collections.abc import Callable
from pathlib import Path

from fastai.data.core import Datasets, TfmdDL
from fastai.torch_core import TensorImage, TensorMask
from fasttransform import Transform

from ..datasets.dataset import SegmentationDataset
from ..images.grid import GridLayout, image_grid
from ..images.tiling import Tiling
from ..models.stats import Stats
from .decode import Sample
from .lazy import LazySample


class SampleImage(Transform):
    """A sample's image. fastai finds here what dataloaders know of their dataset, also those without masks.

    `dls.vocab` and `dls.palette` are its classes and colors, `dls.image_size` the (height, width) that images have as
    many pixels as where they are predicted, None where they are at their own resolution, `dls.segmentation_dataset` the
    dataset itself. `dls.stats` are what images are normalized by. `dls.tiling` are the tiles that whole images are
    predicted by, None where they are predicted at once.
    """

    def __init__(self, dataset: SegmentationDataset, size: tuple[int, int] | None, stats: Stats,
                 tiling: Tiling | None = None):
        super().__init__()
        self.vocab, self.palette = dataset.classes, dataset.palette
        self.segmentation_dataset, self.image_size, self.stats, self.tiling = dataset, size, stats, tiling

    def encodes(self, sample): return TensorImage(sample.image)


def sample_mask(sample): return TensorMask(sample.mask)  # no type: fastai would apply it to no other


class SegmentationDL(TfmdDL):
    """fastai's `TfmdDL`, whose images are drawn in the dataset's palette with a legend.

    As in fastai, nothing is returned. Where several batches make a step of `step_images`, a pass has whole steps.
    """

    start = None  # of the next pass, where that is not its first image

    def __init__(self, *args, step_images: int | None = None, **kwargs):
        self.step_images = step_images
        super().__init__(*args, **kwargs)

    def __len__(self) -> int:
        return -(-self.pass_images // self.bs) if self.step_images else super().__len__()

    @property
    def pass_images(self) -> int:
        "How many images a pass takes at most: `drop_last` is fastai's matter."
        return self.n // self.step_images * self.step_images if self.step_images else self.n

    @property
    def image_size(self) -> tuple[int, int] | None:
        "See `SampleImage`; fastai takes an attribute that is None for a missing one."
        return getattr(self.dataset, "image_size", None)

    @property
    def tiling(self) -> Tiling | None:
        "See `SampleImage`."
        return getattr(self.dataset, "tiling", None)

    def begin_at(self, images: int, before_first: Callable[[], None]):
        """The next pass leaves its first `images` out.

        `before_first` is called before the first batch of the others is made.
        """
        self.start = images, before_first

    def get_idxs(self) -> list[int]:
        done = self.start[0] if self.start else 0
        self.sequence = list(super().get_idxs())[done:self.pass_images]
        return self.sequence

    def create_batches(self, samples):
        if self.start:
            (_, before_first), self.start = self.start, None
            before_first()
        yield from super().create_batches(samples)

    def path(self, index: int) -> Path:
        "The image file of what a pass has as `index`."
        return self.items[index].path

    def paths(self, batch: int) -> list[Path]:
        "The image files of a batch of the current pass."
        return [self.path(index) for index in self.sequence[batch * self.bs:(batch + 1) * self.bs]]

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

    def show_results(self, b, out, max_n: int = 6, show: bool = True, errors: bool = False,
                     figsize: tuple[float, float] | None = None, nrows: int | None = None, ncols: int | None = None):
        """Draw images, masks where they have some, and predictions.

        Args:
            b: a batch.
            out: its predicted classes `[B,H,W]`.
            max_n: images at most.
            show: return the decoded samples and predictions instead, as for fastai's loggers.
            errors: draw where predictions are wrong, too.
            figsize: of the figure, in inches.
            nrows, ncols: images below and beside each other.
        """
        if not show: return super().show_results(b, out, max_n=max_n, show=False)
        images, *masks = self.decode(b)
        columns = {"truth": masks[0][:max_n]} if masks else {}
        image_grid(images[:max_n], columns | {"prediction": out[:max_n]}, self.vocab, self.palette,
                   errors=errors and bool(masks), layout=GridLayout(figsize, nrows, ncols))


def largest_batch(samples: list[Sample | LazySample], batch_size: int) -> int:
    "`batch_size`, or 1 where images or masks are of different sizes, which can't share a batch."
    return batch_size if len({sample.sizes for sample in samples}) <= 1 else 1
