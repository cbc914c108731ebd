"Exported files beside torch: the same classes, the same scores, and how fast."

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch

from ..dataloaders.tiles import tile_samples
from ..deploy.exported_predictor import graph_input, graph_logits, seen_pixels
from ..deploy.exports.export_card import ExportCard
from ..errors import UserError, hxw
from ..evaluation.confusion import confusion_matrices, resize_logits
from ..evaluation.scores import Scores
from ..images.paths import find_images
from ..progress import Progress
from ..runtime.device import Machine
from ..runtime.timing import median_milliseconds
from .open_run import open_run

MOST_DIFFERENT, MOST_LOST = 0.001, 0.005  # of all pixels, and of the mIoU
ODD_SIZES, BATCHES = ((1, 1), (37, 53), (64, 96), (99, 161), (31, 200)), (1, 3)
ROUNDS = 15
NO_IMAGES = ("masks", "predictions")  # folders in one of images


@dataclass(frozen=True)
class LabeledImage:
    "Pixels uint8 `[H,W,C]` that are predicted from, and the mask uint8 `[h,w]` with void, if there is one."

    pixels: np.ndarray
    mask: torch.Tensor | None = None


@dataclass(frozen=True)
class Candidate:
    """An exported model.

    `files` are what it takes on disk. `run` takes pixels `[N,H,W,C]` to what the graph gives. `is_exact` is whether it
    should give torch's classes; it should have torch's scores otherwise, if `is_judged`.
    """

    name: str
    files: tuple[Path, ...]
    run: Callable[[np.ndarray], np.ndarray]
    is_exact: bool = True
    is_judged: bool = True


@dataclass(frozen=True)
class Row:
    """One model of a `Comparison`.

    `miou` is from 0 to 1, None without masks. `different` is the fraction of pixels whose class isn't torch's, None for
    torch itself. `milliseconds` are for an image, `megabytes` on disk.
    """

    name: str
    miou: float | None
    different: float | None
    milliseconds: float
    megabytes: float


@dataclass(frozen=True)
class Comparison:
    """Torch and what was exported, side by side.

    `images` is how many were compared, `size` (height, width) what was timed, with `threads` threads. `problems` say
    where something is beyond its tolerance.
    """

    rows: list[Row]
    images: int
    size: tuple[int, int]
    threads: int
    problems: list[str]


def labeled_images(run: Path, data: Path | None) -> list[LabeledImage]:
    "The validation images of the run, or tiles of them; `UserError` where its dataset isn't at hand."
    machine = Machine(torch.device("cpu"), "fp32")
    try: dl = open_run(run, "val", machine, data).dl
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}; or compare without scores, on images of a folder: "
                        "`--images FOLDER`.") from error
    items = tile_samples(list(dl.items), dl.tiling) if dl.tiling else dl.items
    return [LabeledImage(item.image.permute(1, 2, 0).numpy(), item.mask) for item in items]


def unlabeled_images(folder: Path, card: ExportCard) -> list[LabeledImage]:
    "The images in a folder; `UserError` where there are none, or one can't be read."
    return [LabeledImage(pixels) for pixels in folder_pixels(folder, card)]


def folder_pixels(folder: Path, card: ExportCard) -> list[np.ndarray]:
    "Of the images in a folder the pixels uint8 `[H,W,C]` that the model predicts from; errors as `unlabeled_images`."
    return [seen_pixels(card.image_format.read(path), card) for path in folder_images(folder)]


def folder_images(folder: Path) -> list[Path]:
    "The images in a folder, without the masks and predictions that lie beside them; errors as `unlabeled_images`."
    return [path for path, _ in find_images([folder], *(folder / name for name in NO_IMAGES))]


def compare(reference: Candidate, candidates: Sequence[Candidate], images: Sequence[LabeledImage], card: ExportCard,
            progress: Progress) -> Comparison:
    "The `candidates` beside the `reference`, torch, on `images`: each predicts them all, then each is timed in turn."
    everyone = [reference, *candidates]
    tallies = [Tally(len(card.classes)) for _ in everyone]
    for image in progress(images, len(images)):
        pixels = graph_input(image.pixels[None], card.input)
        expected = None
        for candidate, tally in zip(everyone, tallies):
            logits = as_logits(candidate.run(pixels), len(card.classes))
            expected = logits.argmax(1) if expected is None else expected
            tally.add(logits, expected, image.mask)
    first = images[0].pixels
    sample = graph_input(first[None], card.input)
    times = median_milliseconds([partial(each.run, sample) for each in everyone], ROUNDS)
    rows = [Row(each.name, tally.miou(card.classes), None if each is reference else tally.different / tally.pixels,
                time, sum(file.stat().st_size for file in each.files) / 1e6)
            for each, tally, time in zip(everyone, tallies, times)]
    problems = [problem for each, row in zip(candidates, rows[1:]) for problem in _problems(each, row, rows[0])]
    problems += [problem for each in candidates for problem in other_sizes(reference, each, card)]
    return Comparison(rows, len(images), first.shape[:2], torch.get_num_threads(), problems)


class Tally:
    "What a candidate predicted: `pixels`, how many are `different` from torch's, and the confusion of those labeled."

    def __init__(self, num_classes: int):
        self.confusion, self.pixels, self.different = np.zeros((num_classes, num_classes), np.int64), 0, 0

    def add(self, logits: torch.Tensor, expected: torch.Tensor, mask: torch.Tensor | None):
        "An image's logits `[1,C,H,W]`, torch's classes `[1,H,W]`, and the mask `[h,w]`, if there is one."
        self.pixels += expected.numel()
        self.different += int((logits.argmax(1) != expected).sum())
        if mask is not None:
            classes = resize_logits(logits, tuple(mask.shape)).argmax(1)
            self.confusion += confusion_matrices(classes, mask[None], len(self.confusion))[0].numpy()

    def miou(self, classes: tuple[str, ...]) -> float | None:
        "From 0 to 1; None where nothing was labeled."
        return Scores(self.confusion, classes).miou if self.confusion.any() else None


def as_logits(found: np.ndarray, num_classes: int) -> torch.Tensor:
    "What a graph gave, as logits `[N,C,H,W]`: classes are 1 where a pixel is of them."
    return torch.from_numpy(graph_logits(found, num_classes))


def other_sizes(reference: Candidate, candidate: Candidate, card: ExportCard) -> list[str]:
    "What is wrong at five odd sizes, in batches of 1 and 3: it fails, or is exact and predicts noise unlike torch."
    rng, different, pixels = np.random.default_rng(0), 0, 0
    for batch, size in product(BATCHES, ODD_SIZES):
        noise = graph_input(rng.integers(0, 256, (batch, *size, card.channels), dtype=np.uint8), card.input)
        try: found = candidate.run(noise)
        except Exception as error:  # each engine has its own
            return [f"{candidate.name} fails on {batch} x {hxw(size)}: {str(error).strip().splitlines()[-1]}"]
        classes, expected = (as_logits(each, len(card.classes)).argmax(1) for each in (found, reference.run(noise)))
        if classes.shape != expected.shape:
            return [f"{candidate.name} gives {tuple(classes.shape)} for {batch} x {hxw(size)}"]
        different, pixels = different + int((classes != expected).sum()), pixels + expected.numel()
    if not candidate.is_exact or different <= MOST_DIFFERENT * pixels: return []
    return [f"{candidate.name} gives other classes than torch at odd sizes: {100 * different / pixels:.2f} % of the "
            f"pixels, more than {100 * MOST_DIFFERENT:g} %"]


def _problems(candidate: Candidate, row: Row, reference: Row) -> list[str]:
    if candidate.is_exact:
        if row.different <= MOST_DIFFERENT: return []
        return [f"{row.name} gives other classes than torch in {100 * row.different:.2f} % of the pixels, more than "
                f"{100 * MOST_DIFFERENT:g} %"]
    if not candidate.is_judged or row.miou is None or reference.miou - row.miou <= MOST_LOST: return []
    return [f"{row.name} has a mIoU {100 * (reference.miou - row.miou):.2f} below torch's, more than "
            f"{100 * MOST_LOST:g}"]
