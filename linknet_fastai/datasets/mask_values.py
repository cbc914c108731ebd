"Which class a value in a mask means: decided from all masks of a dataset and from `classes.txt`, or refused."

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..images import VOID
from .class_file import ClassFile, Color
from .listed_grays import class_of_lines, other_classes, refuse_other_colors, shown_colors, values_of_grays
from .mask_file import ALPHA, BILEVEL, COLOR, GRAY, PALETTE, pack, unpack
from .scan import FileScan
from .tally import Tally, few_of

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


def decide_values(root: Path, scans: Mapping[Path, FileScan], named: ClassFile | None,
                  void: frozenset[int] = frozenset()) -> MaskValues:
    """The meaning of all values in the masks of a dataset.

    Args:
        root: its folder.
        scans: what each mask file holds; those that can't be read are left out.
        named: its `classes.txt`, if there is one.
        void: values that its layout says are void.

    Raises `UserError` where it can't be told for sure: compressed masks, values that don't fit the names, a single
    class.
    """
    errors = [scan.error for scan in scans.values() if scan.error]
    scans = {path: scan for path, scan in scans.items() if not scan.error and scan.values}
    if not scans: raise UserError(f"{root}: none of its masks can be read; the first: "
                                  f"{errors[0] if errors else 'there is none'}")
    in_color = is_in_color(root, scans, named)
    tally = Tally.of(scans, in_color)
    meaning = (_color_classes(root, tally, named) if in_color
               else _index_classes(root, scans, tally, named, void))
    _refuse_many(named.path if named else root, len(meaning.classes))
    return meaning


def _refuse_many(where: Path, count: int):
    if count >= VOID:
        raise UserError(f"{where}: has {count} classes, and there can be {VOID - 1}, as a mask has a byte a pixel and "
                        f"{VOID} is void; leave some out, or make them void with lines `void NAME`.")


def is_in_color(root: Path, scans: Mapping[Path, FileScan], named: ClassFile | None) -> bool:
    """Whether masks are read as colors: where some have RGB, where palettes differ from file to file, and where they
    have the colors of `classes.txt`. `UserError` where gray numbers stand among colors, or only some colors of a
    palette are in `classes.txt`."""
    kinds, listed = {scan.storage for scan in scans.values()}, _listed_colors(named)
    if ALPHA in kinds: return False  # what stands beside it has the same number by color
    if COLOR in kinds:
        if not listed and all(scan.is_gray for scan in scans.values()): return False  # numbers, three times each
        known = {color for scan in scans.values() if scan.storage in (COLOR, PALETTE) for color, _ in scan.colors}
        known |= set(map(pack, listed))
        for path, scan in scans.items():
            if scan.storage in (GRAY, BILEVEL) and {color for color, _ in scan.colors} - known:
                raise UserError(f"{path}: has numbers ({few_of(value for value, _ in scan.numbers)}), where other "
                                "masks have colors; save all in one way.")
        return True
    if PALETTE not in kinds: return False
    palettes = [dict(scan.palette) for scan in scans.values() if scan.storage == PALETTE]
    merged: dict[int, int] = {}
    for palette in palettes:
        for index, color in palette.items():
            if merged.setdefault(index, color) != color: return True
    known = {unpack(color) for color in merged.values()} - {(0, 0, 0)}
    if not known & listed: return False
    if known <= listed: return True
    raise UserError(f"{named.path}: has some of the colors in the masks' palettes, but not "
                    f"{few_of(sorted(known - listed))}; list them all, or no color.")


def _listed_colors(named: ClassFile | None) -> set[Color]:
    "Those that `classes.txt` gives."
    return {each.color for each in named.classes if each.color} | named.void_class_colors if named else set()


def _shared_palette(scans: Mapping[Path, FileScan]) -> dict[int, Color]:
    "The color of each index, where masks have palettes that are more than grays."
    palettes = [scan.palette for scan in scans.values() if scan.storage == PALETTE]
    colors = {index: unpack(color) for palette in palettes for index, color in palette}
    return {} if all(color == (index,) * 3 for index, color in colors.items()) else colors


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


def _index_classes(root: Path, scans: Mapping[Path, FileScan], tally: Tally, named: ClassFile | None,
                   void: frozenset[int]) -> MaskValues:
    _refuse_two_ways(tally)
    if named: void |= named.void_values
    found = [value for value in tally.found if value not in void]
    is_run = set(found) - {VOID} == set(range(len(set(found) - {VOID})))
    settled = frozenset(found) if is_run and not tally.lossy else frozenset()
    shown, listed = shown_colors(scans.values()), _listed_colors(named)
    if named: settled |= {*range(named.lines), *void, *(value for value in found if shown[value] & listed)}
    strays = tally.strays(settled)
    refuse_strays(root, tally, strays)
    found = [value for value in found if value not in strays]
    if not found:
        raise UserError(f"{root}: its masks hold no class, only {few_of(tally.found)}, which is void; correct them.")
    by_gray = values_of_grays(named, shown, found, void) if named and len(named.classes) > 1 else None
    if by_gray: values, names, note = by_gray, [each.name for each in named.classes], ""
    elif named: values, names, note = _named_values(root, scans, tally, named, found)
    else: values, names, note = _counted_values(root, tally, found)
    values |= {value: VOID for value in void}
    classes = tuple(names)
    _refuse_one(root, classes)
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
        return dict(zip(pair, (0, 1))), ["background", *names], f"background is {pair[0]}, {names[0]} {pair[1]}"
    if pair and len(names) == 2: return dict(zip(pair, (0, 1))), names, ""
    if not pair and present - {VOID} <= set(range(named.lines)):
        if len(names) == 1 and present - {VOID} == {named.classes[0].index}: _refuse_one(root, tuple(names))
        return class_of_lines(named) | {VOID: VOID}, names, ""
    if not pair and len(found) == len(names) == named.lines:
        side_by_side = ", ".join(f"{value} is {name}" for value, name in zip(found, names))
        note = f"values in the order of classes.txt: {side_by_side}"
        return {value: place for place, value in enumerate(found)}, names, note
    strange = [value for value in found if value not in (*range(named.lines), VOID)]
    files = [path for path, values in tally.by_file.items() if values & set(strange)]
    if not pair and tally.are_few(files):  # the check names them
        return class_of_lines(named) | {VOID: VOID}, names, ""
    raise UserError(f"{named.path}: the masks hold the values {tally.describe(found)}, and the classes are "
                    f"{', '.join(names)}: they don't fit; write a line for each value, in their order.")


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


def _color_classes(root: Path, tally: Tally, named: ClassFile | None) -> MaskValues:
    void = named.void_colors if named else frozenset()
    known = set(map(pack, {*_listed_colors(named), *void, (0, 0, 0)})) if named else set()
    strays = tally.strays(frozenset(known))
    refuse_strays(root, tally, strays)
    found = [unpack(value) for value in tally.found if value not in strays]
    if named: return _named_colors(tally, named, found, void)
    found = [color for color in found if color not in void]
    if len(found) > MOST_CLASSES:
        raise UserError(f"{root}: its masks hold {len(found)} different colors, so many that they look smoothed or "
                        "compressed; save masks as PNG without either, or list the classes in classes.txt.")
    classes = tuple("#{:02x}{:02x}{:02x}".format(*color) for color in found)
    _refuse_one(root, classes)
    note = f"no classes.txt, so the colors in the masks are the classes: {len(found)}"
    return MaskValues(classes, tuple(found), {color: index for index, color in enumerate(found)}, True, note)


def _named_colors(tally: Tally, named: ClassFile, found: list[Color], void: frozenset[Color]) -> MaskValues:
    names, black = [each.name for each in named.classes], (0, 0, 0)
    colors = [each.color for each in named.classes]
    others = [color for color in found if color != black and color not in void]
    voids = {color: VOID for color in void}
    if len(names) == 1 and len(others) <= 1 and black in found and colors[0] in (None, *others):  # one thing on black
        color = colors[0] or others[0]
        note = f"background is black, {names[0]} {color}"
        return MaskValues(("background", names[0]), (black, color), {black: 0, color: 1} | voids, True, note)
    if all(color is None for color in colors) and len(found) - len(void & set(found)) == len(names):
        ordered = [color for color in found if color not in void]
        side_by_side = ", ".join(f"{color} is {name}" for color, name in zip(ordered, names))
        return MaskValues(tuple(names), tuple(ordered), {color: index for index, color in enumerate(ordered)}, True,
                          f"colors in the order of classes.txt: {side_by_side}")
    for name, color in zip(names, colors):
        if color is None:
            raise UserError(f"{named.path}: {name} has no color, but the masks are in color ({few_of(found)}); write "
                            f"`{name} R G B`.")
    _refuse_one(named.path, tuple(names))
    values = {black: VOID} | voids | {color: index for index, color in enumerate(colors)}
    return MaskValues(tuple(names), tuple(colors), values, True)


def _refuse_one(where: Path, classes: tuple[str, ...]):
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
