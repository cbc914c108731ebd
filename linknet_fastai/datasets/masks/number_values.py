"Which class a number in a mask means, by `classes.txt` or by the numbers that there are."

import re
from collections.abc import Mapping
from pathlib import Path

from ...errors import UserError
from ...images.mask import VOID
from ..class_file import ClassFile, Color
from ..file_scan import FileScan
from ..mask_file import BILEVEL, GRAY, PALETTE, unpack
from .listed_grays import class_of_lines, other_classes, refuse_other_colors, shown_colors, values_of_grays
from .mask_values import MOST_CLASSES, MaskValues, distinct_colors, listed_colors, refuse_one, refuse_strays
from .tally import Tally, few_of


def number_classes(root: Path, scans: Mapping[Path, FileScan], tally: Tally, named: ClassFile | None,
                   void: frozenset[int]) -> MaskValues:
    """What the numbers in masks mean: by `classes.txt`, if there is one, or each is a class.

    `void` are numbers that the layout says are void. `UserError` where it can't be told for sure.
    """
    if named: void |= named.void_values
    if VOID not in void: _refuse_two_ways(tally)
    _refuse_bits(scans, named)
    found = [value for value in tally.found if value not in void]
    is_run = set(found) - {VOID} == set(range(len(set(found) - {VOID})))
    is_named = named is not None and len(found) == named.lines
    settled = frozenset(found) if (is_run or is_named) and not tally.lossy else frozenset()
    shown, listed = shown_colors(scans.values()), listed_colors(named)
    if named: settled |= {*range(named.lines), *void, *(value for value in found if shown[value] & listed)}
    strays = tally.strays(settled)
    refuse_strays(root, tally, strays)
    found = [value for value in found if value not in strays]
    if not found:
        raise UserError(f"{root}: its masks hold no class, only {few_of(tally.found)}, which is void; correct them.")
    by_gray = values_of_grays(named, shown, found, void) if named and len(named.classes) > 1 else None
    if by_gray: values, names, note = by_gray, [each.name for each in named.classes], ""
    elif named:
        values, names, note = _named_values(root, scans, tally, named, found)
        _refuse_own_numbers(named, names, {value: values[value] for value in found if value in values})
    else: values, names, note = _counted_values(root, tally, found)
    values |= {value: VOID for value in void}
    classes = tuple(names)
    refuse_one(root, classes)
    given = {each.name: each.color for each in named.classes if each.color} if named else {}
    palette = _shared_palette(scans)
    defaults = distinct_colors(len(classes))
    source = {index: value for value, index in values.items() if index != VOID}
    colors = tuple(given.get(name) or palette.get(source.get(index)) or defaults[index]
                   for index, name in enumerate(classes))
    return MaskValues(classes, colors, values, False, note, bool(by_gray))


def _named_values(root: Path, scans: Mapping[Path, FileScan], tally: Tally, named: ClassFile,
                  found: list[int]) -> tuple[dict[int, int], list[str], str]:
    "The class of each value, the classes, and a note, by `classes.txt`: its lines, which its colors don't contradict."
    values, names, note = _ordered_values(root, tally, named, found)
    given = {value: values[value] for value in found if value in values}
    is_line = values == class_of_lines(named) | {VOID: VOID}
    palettes = [scan for scan in scans.values() if scan.storage != GRAY]
    refuse_other_colors(named, names, given, shown_colors(palettes if is_line else scans.values()))
    grays = other_classes(named, names, given, shown_colors(scans.values()))
    if grays: note = f"values are numbers of lines in classes.txt, not its grays (by which {few_of(grays)})"
    return values, names, note


def _ordered_values(root: Path, tally: Tally, named: ClassFile,
                    found: list[int]) -> tuple[dict[int, int], list[str], str]:
    "The class of each value, the classes, and a note, by the order of `classes.txt`."
    names, present = [each.name for each in named.classes], set(found)
    if present <= {0, VOID} and VOID in present: pair = (0, VOID)
    elif present <= {0, 1} and 1 in present and named.lines == 1: pair = (0, 1)
    else: pair = None
    if pair and len(names) == 1:
        if pair[0] in named.void_values: refuse_one(root, tuple(names))
        return dict(zip(pair, (0, 1))), ["background", *names], f"background is {pair[0]}, {names[0]} {pair[1]}"
    if pair and len(names) == 2: return dict(zip(pair, (0, 1))), names, ""
    if not pair and present - {VOID} <= set(range(named.lines)):
        if len(names) == 1 and present - {VOID} == {named.classes[0].index}: refuse_one(root, tuple(names))
        _refuse_void_lines(named)
        _refuse_from_1(tally, named)
        return class_of_lines(named) | {VOID: VOID}, names, _without_0(tally, named)
    if not pair and len(found) == len(names) == named.lines:
        side_by_side = ", ".join(f"{value} is {name}" for value, name in zip(found, names))
        note = f"values in the order of classes.txt: {side_by_side}"
        return {value: place for place, value in enumerate(found)}, names, note
    strange = [value for value in found if value not in (*range(named.lines), VOID)]
    files = [path for path, values in tally.by_file.items() if values & set(strange)]
    if not pair and tally.are_few(files):  # the check names them
        _refuse_void_lines(named)
        _refuse_from_1(tally, named)
        return class_of_lines(named) | {VOID: VOID}, names, _without_0(tally, named)
    raise UserError(f"{named.path}: the masks hold the values {tally.describe(found)}, and the classes are "
                    f"{', '.join(names)}: they don't fit; write a line for each value, in their order.")


def _refuse_void_lines(named: ClassFile):
    "`UserError` where a number is void, and that of a class's line."
    numbers = {number for line in named.void_numbers for number in line}
    for each in named.classes:
        if each.index in numbers:
            raise UserError(f"{named.path}: makes the value {each.index} void, which is {each.name} by its line (the "
                            "first has the number 0); write `void` alone in the line of a value that is void.")


def _refuse_from_1(tally: Tally, named: ClassFile):
    "`UserError` where some mask holds the number behind the last line, and none 0: classes may be numbered from 1."
    if 0 in tally.found or named.lines not in tally.found: return
    if named.lines in named.void_values or 0 in named.void_indices: return  # it says how its lines are numbered
    file = next(path for path, values in tally.by_file.items() if named.lines in values)
    raise UserError(f"{file}: holds {named.lines}, and no mask holds 0, so classes may be numbered from 1, and the "
                    f"lines of {named.path} are numbered from 0; write `void` as its first line, or correct the mask.")


def _without_0(tally: Tally, named: ClassFile) -> str:
    "A note where the first class is in no mask, as if its lines were numbered from 1."
    first = named.classes[0]
    if first.index or 0 in tally.found: return ""
    return f"values are numbers of lines in classes.txt, from 0, and no mask holds 0, which is {first.name}"


def _refuse_own_numbers(named: ClassFile, names: list[str], values: Mapping[int, int]):
    "`UserError` where all lines are `NUMBER: NAME`, and the numbers aren't the values that they stand for."
    own = [match and int(match[1]) for match in (re.match(r"(\d+)\s*[:=)]", name) for name in names)]
    if None in own: return
    for value, place in values.items():
        if place != VOID and own[place] != value:
            raise UserError(f"{named.path}: {names[place]!r} has a number of its own, and by its place in the file it "
                            f"is {value}; write a name for each number from 0 to the highest, `void` for one without a "
                            "class, and no numbers.")


def _counted_values(root: Path, tally: Tally, found: list[int]) -> tuple[dict[int, int], list[str], str]:
    "The class of each value, the classes, and a note, by the values themselves."
    rest = [value for value in found if value != VOID]
    has_void = VOID in found and len(rest) > 1 and rest == list(range(len(rest)))
    if has_void: found = rest
    if len(found) > MOST_CLASSES:
        raise UserError(f"{root}: its masks hold {len(found)} different values, so many that they look smoothed or "
                        "compressed; save masks as PNG without either, or list the classes in classes.txt.")
    note = f"no classes.txt, so the values in the masks are the classes: {len(found)}"
    values = {value: place for place, value in enumerate(found)}
    if has_void: values, note = values | {VOID: VOID}, f"{note}, and 255 is void"
    return values, list(map(str, found)), note


def _refuse_two_ways(tally: Tally):
    "Masks of 0 and 1 beside masks of 0 and 255: the same two classes, or not."
    ones = [path for path, values in tally.by_file.items() if values <= {0, 1} and 1 in values]
    whites = [path for path, values in tally.by_file.items() if values <= {0, VOID} and VOID in values]
    if ones and whites and set(tally.found) == {0, 1, VOID} and len(ones) + len(whites) >= sum(
            values != {0} for values in tally.by_file.values()):
        raise UserError(f"{ones[0]}: holds 0 and 1, and {whites[0]} 0 and 255; save all masks in one way.")


def _refuse_bits(scans: Mapping[Path, FileScan], named: ClassFile | None):
    "Masks of 1 bit, whose white may be 1 or 255, where there is more to tell than black and white."
    white = next((path for path, scan in scans.items() if scan.has_white_bits), None)
    if white is None: return
    for path, scan in scans.items():
        if scan.storage == BILEVEL: continue
        if more := [value for value, _ in scan.numbers if value not in (0, 1)]:
            raise UserError(f"{white}: has 1 bit a pixel, whose white may be 1 or 255, and {path} holds {more[0]}; "
                            "save all masks in one way.")
    if named and len(named.classes) > 2:
        raise UserError(f"{white}: has 1 bit a pixel, black or white, and {named.path} names {len(named.classes)} "
                        "classes; save masks with 8 bits.")


def _shared_palette(scans: Mapping[Path, FileScan]) -> dict[int, Color]:
    "The color of each index, where masks have palettes that are more than grays."
    palettes = [scan.palette for scan in scans.values() if scan.storage == PALETTE]
    colors = {index: unpack(color) for palette in palettes for index, color in palette}
    return {} if all(color == (index,) * 3 for index, color in colors.items()) else colors
