"The values in all masks of a dataset, counted; which of them look as if compression or smoothing had made them."

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..file_scan import FileScan
from ..mask_file import unpack

LITTLE = 0.001  # of all pixels: a value with less, in few files, is no class
FEW = 0.05  # of all files
NEAR, OUTWEIGHED = 4, 20  # a value that stands so near to one with so many times its pixels is that one, compressed
NEAR_COLOR = 8  # in each of red, green and blue
SMOOTHED = 8  # so many values of little area are a smooth edge
LISTED = 12  # values in a message


@dataclass(frozen=True)
class Tally:
    "Pixels of each value in all masks, in how many files it stands, and the values of each file."

    pixels: Counter
    files: Counter
    by_file: Mapping[Path, frozenset[int]]
    lossy: bool
    in_color: bool

    @classmethod
    def of(cls, scans: Mapping[Path, FileScan], in_color: bool) -> "Tally":
        counts = {path: dict(scan.colors if in_color else scan.numbers) for path, scan in scans.items()}
        pixels, files = Counter(), Counter()
        for count in counts.values():
            pixels.update(count)
            files.update(count.keys())
        return cls(pixels, files, {path: frozenset(count) for path, count in counts.items()},
                   any(scan.lossy for scan in scans.values()), in_color)

    @property
    def found(self) -> list[int]: return sorted(self.pixels)

    def frequency(self, value: int) -> float: return self.pixels[value] / self.pixels.total()

    def describe(self, values) -> str:
        "Values with their frequencies, the commonest first."
        ordered = sorted(values, key=lambda value: -self.pixels[value])
        return few_of(f"{self.name(value)} ({100 * self.frequency(value):.3g} %)" for value in ordered)

    def name(self, value: int) -> str: return str(unpack(value)) if self.in_color else str(value)

    def strays(self, settled: frozenset[int] = frozenset()) -> set[int]:
        """Values that look as if compression or smoothing had made them, but for those that are `settled`.

        Of lossy files none is settled, and all that stand near to another look so.
        """
        values = [value for value in self.found if self.lossy or value not in settled]
        little = {value for value in values if self.frequency(value) < LITTLE}
        if len(little) >= SMOOTHED: return little
        few = {value for value in little if self.files[value] <= max(1, FEW * len(self.by_file))}
        return few | {value for value in values if self._is_crowded(value)}

    def _is_crowded(self, value: int) -> bool:
        if not self.lossy and self.frequency(value) >= 0.01: return False
        return any(self.lossy or self.pixels[other] >= OUTWEIGHED * self.pixels[value]
                   for other in self.found if self._are_near(value, other))

    def are_few(self, files: list[Path]) -> bool:
        "Whether these are so few of all files that they are bad ones among good."
        return len(files) <= max(1, FEW * len(self.by_file)) and len(self.by_file) > 2

    def _are_near(self, one: int, other: int) -> bool:
        if one == other: return False
        if not self.in_color: return abs(one - other) <= NEAR
        return max(abs(a - b) for a, b in zip(unpack(one), unpack(other))) <= NEAR_COLOR


def few_of(values) -> str:
    "Some of them, and how many more there are."
    values = list(map(str, values))
    return ", ".join(values[:LISTED]) + (f" and {len(values) - LISTED} more" if len(values) > LISTED else "")
