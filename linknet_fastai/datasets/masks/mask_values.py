"What the values in the masks of a dataset mean, and what is refused whatever they are."

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from ..class_file import ClassFile, Color
from .tally import Tally

MOST_CLASSES = 200  # more are no classes but smoothed or compressed images


@dataclass(frozen=True)
class MaskValues:
    """What the values in the masks of a dataset mean.

    `values` takes each value, an index or with `in_color` an RGB color, to its class or to `VOID`. With `by_gray` the
    indices are grays by which `classes.txt` gives them to classes. `note` is what the user should know.
    """

    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    values: Mapping
    in_color: bool
    note: str = ""
    by_gray: bool = False


def listed_colors(named: ClassFile | None) -> set[Color]:
    "Those that `classes.txt` gives."
    return {each.color for each in named.classes if each.color} | named.void_class_colors if named else set()


def refuse_strays(root: Path, tally: Tally, strays: set[int]):
    """Where they stand in so many files that the masks as a whole are compressed or smoothed.

    A few bad files are the check's.
    """
    bad = [path for path, values in tally.by_file.items() if values & strays]
    if not strays or (tally.are_few(bad) and not tally.lossy): return
    what, advice = "colors" if tally.in_color else "values", "Save masks as PNG without smoothing"
    if not tally.lossy: advice += ", or list all classes in classes.txt"
    raise UserError(f"{root}: its masks hold {len(tally.found)} {what}, some of which look compressed or smoothed: "
                    f"{tally.describe(tally.found)}. {advice} (first such file: {bad[0]}).")


def refuse_one(where: Path, classes: tuple[str, ...]):
    "`UserError` where there is one class alone: every prediction would be right."
    if len(classes) == 1:
        raise UserError(f"{where}: there is one class, {classes[0]}, in all masks, so there is nothing to tell apart; "
                        "add masks that hold another.")


def distinct_colors(count: int) -> tuple[Color, ...]:
    """Colors for classes that have none.

    Black, then those of Pascal VOC, whose bits are the number's, dealt out in turn.
    """
    def channel(number: int, which: int) -> int:
        return sum((number >> 3 * bit + which & 1) << 7 - bit for bit in range(3))
    return tuple(tuple(channel(number, which) for which in range(3)) for number in range(count))
