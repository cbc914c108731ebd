"The colors that `classes.txt` gives, beside those in which masks of numbers show their classes."

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ...errors import UserError
from ...images.mask import VOID
from ..class_file import ClassFile, Color
from ..file_scan import FileScan
from ..mask_file import GRAY, unpack
from .tally import few_of

Shown = Mapping[int, set[Color]]
BLACK = (0, 0, 0)


def gray(number: int) -> Color:
    "The color in which a gray mask shows this number."
    return (number,) * 3


def is_gray(color: Color) -> bool:
    "Whether red, green and blue are the same."
    return color == gray(color[0])


def shown_colors(scans: Iterable[FileScan]) -> Shown:
    "The colors in which masks show each of their numbers: those of palettes, and gray numbers' own."
    shown = defaultdict(set)
    for scan in scans:
        for number, color in scan.palette: shown[number].add(unpack(color))
        for number, _ in scan.values if scan.storage == GRAY else (): shown[number].add(gray(number))
    return shown


def values_of_grays(named: ClassFile, shown: Shown, found: list[int], void: frozenset[int]) -> dict[int, int] | None:
    """The class of each number in `found` whose color is one of the grays that `classes.txt` gives to all classes.

    Black is void where it is no class. None where the grays don't tell, or tell what the numbers of lines tell too.
    `UserError` where lines tell otherwise, and where a class has a gray that is void.
    """
    class_of = {each.color: place for place, each in enumerate(named.classes) if each.color and is_gray(each.color)}
    voids = {*filter(is_gray, named.void_class_colors), *map(gray, void)}
    meant = dict.fromkeys((BLACK, *voids), VOID) | class_of
    told = {number: {meant.get(color) for color in shown[number]} for number in found}
    if len(class_of) < len(named.classes) or any(len(each) != 1 or None in each for each in told.values()): return None
    values = {number: each.pop() for number, each in told.items()}
    if all(number < named.lines and shown[number] == {gray(number)} for number in found):
        if values.items() <= class_of_lines(named).items(): return None
        raise UserError(f"{named.path}: the masks hold {few_of(found)}, which are numbers of its lines, and grays that "
                        "it gives to other classes; put its lines in the order of the grays, or leave all colors out.")
    for color in voids & class_of.keys():
        name = named.classes[class_of[color]].name
        raise UserError(f"{named.path}: gives {color} to {name}, and to void by number, line or color; correct it.")
    return values | {color[0]: place for color, place in meant.items() if color[0] not in values}


def class_of_lines(named: ClassFile) -> dict[int, int]:
    "The class of each number of a line in `classes.txt`."
    return {each.index: place for place, each in enumerate(named.classes)}


def other_classes(named: ClassFile, names: Sequence[str], values: Mapping[int, int], shown: Shown) -> list[str]:
    "What `classes.txt` says of numbers by the colors in which they are shown, where `values` say something else."
    name_of = {each.color: each.name for each in named.classes if each.color}
    return [f"{number} is {name_of[color]}" for number in sorted(values.keys() & shown.keys())
            for color in shown[number] & name_of.keys() if values[number] != names.index(name_of[color])]


def refuse_other_colors(named: ClassFile, classes: Sequence[str], values: Mapping[int, int], shown: Shown,
                        source: str = "by the order of its lines"):
    "`UserError` where `classes.txt` says something else of numbers by their colors than `values`, which are `source`."
    others = other_classes(named, classes, values, shown)
    if not others: return
    read = few_of(f"{value} is {classes[index]}" for value, index in values.items() if index != VOID)
    raise UserError(f"{named.path}: by its colors {few_of(others)}, but {source} {read}; put its lines in the order "
                    "of the masks' values, or correct its colors.")
