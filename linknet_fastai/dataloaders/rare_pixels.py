"Pixels of a class drawn evenly from the classes that masks hold, without a list of all pixels."

import numpy as np

from .decode import Sample

BLOCK = 1 << 20  # pixels that are counted, and searched, together


class RarePixels:
    "Of a random class each pixel is as likely, and each class of those in the masks of `samples`."

    def __init__(self, samples: list[Sample], num_classes: int):
        self.samples = samples
        self.blocks = [(number, rows) for number, sample in enumerate(samples) for rows in _row_blocks(sample)]
        counts = np.stack([np.bincount(self._mask(block).ravel(), minlength=256)[:num_classes]
                           for block in self.blocks])
        self.ends = counts.cumsum(0)  # of each class's pixels, in each block
        self.present = np.flatnonzero(self.ends[-1])

    def draw(self, numbers: np.random.Generator) -> tuple[int, int]:
        "The number of a sample, and that of a pixel in it, row by row."
        found = numbers.choice(self.present)
        rank = numbers.integers(self.ends[-1, found])
        block = int(np.searchsorted(self.ends[:, found], rank, side="right"))
        before = self.ends[block - 1, found] if block else 0
        number, (top, _) = self.blocks[block]
        place = np.flatnonzero(self._mask(self.blocks[block]) == found)[rank - before]
        return number, int(place) + top * self.samples[number].mask.shape[1]

    def _mask(self, block: tuple[int, tuple[int, int]]) -> np.ndarray:
        number, (top, bottom) = block
        return self.samples[number].mask[top:bottom].numpy()


def _row_blocks(sample: Sample) -> list[tuple[int, int]]:
    height, width = sample.mask.shape
    step = max(1, BLOCK // width)
    return [(top, min(top + step, height)) for top in range(0, height, step)]
