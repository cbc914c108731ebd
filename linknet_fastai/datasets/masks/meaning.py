"What the values in a dataset's masks mean, kept with a run, so that other masks are read in the same way or refused."

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...images.mask import VOID
from ..class_file import ClassFile, Color, NamedClass
from ..file_scan import FileScan
from ..mask_file import ALPHA, GRAY, NUM_VALUES, PALETTE, unpack
from .listed_grays import is_gray, refuse_other_colors, shown_colors
from .mask_values import MaskValues, refuse_strays
from .tally import Tally


def to_json(meaning: MaskValues) -> dict[str, Any]:
    "As JSON has it: `values` are pairs of a value, an index or an RGB color, and its class."
    values = [[list(value) if meaning.in_color else value, index] for value, index in meaning.values.items()]
    return {"classes": list(meaning.classes), "palette": list(map(list, meaning.palette)), "values": values,
            "in_color": meaning.in_color, "by_gray": meaning.by_gray}


def from_json(content: dict[str, Any]) -> MaskValues:
    "What `to_json` gave; `UserError` where it is something else."
    try:
        in_color = content["in_color"]
        values = {tuple(value) if in_color else int(value): int(index) for value, index in content["values"]}
        meaning = MaskValues(tuple(content["classes"]), tuple(map(tuple, content["palette"])), values, in_color,
                             by_gray=bool(content.get("by_gray")))
        _check(meaning)
        return meaning
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"what a run says of its masks' values is damaged ({error}); restore its config.json from a "
                        "copy.") from error


def _check(meaning: MaskValues):
    "`ValueError` for what no mask holds, and for classes that there aren't."
    count = len(meaning.classes)
    if not 1 <= count < VOID or len(meaning.palette) != count or not all(
            isinstance(name, str) for name in meaning.classes):
        raise ValueError(f"{count} classes, {len(meaning.palette)} colors")
    colors = [*meaning.palette, *(meaning.values if meaning.in_color else ())]
    if not all(len(color) == 3 and all(part in range(256) for part in color) for color in colors):
        raise ValueError("a color is none")
    if not meaning.in_color and not all(0 <= value < NUM_VALUES for value in meaning.values):
        raise ValueError("a value is none of a mask")
    if not meaning.values or not all(index in range(count) or index == VOID for index in meaning.values.values()):
        raise ValueError("a value is of no class")


def refuse_other_names(root: Path, meaning: MaskValues, named: ClassFile | None):
    """`UserError` where `classes.txt` gives other names to values, or other colors to names, than the run was trained
    with.
    """
    if named is None: return
    for number, each in enumerate(named.classes):
        if each.name not in meaning.classes:
            raise UserError(f"{named.path}: names {each.name}, but the run was trained on other classes: "
                            f"{', '.join(meaning.classes)}; "
                            "pass the data as it was with `--data`.")
        expected = meaning.classes.index(each.name)
        by_color = meaning.in_color or meaning.by_gray
        value = _value_of_color(each, meaning) if by_color else each.index
        if value is None or (not by_color and len(named.classes) != len(meaning.classes)): continue
        is_run = not by_color and set(range(len(meaning.classes))) <= set(meaning.values)
        is_moved = not by_color and number != expected
        if is_moved or ((by_color or is_run) and meaning.values.get(value) != expected):
            raise UserError(f"{named.path}: {each.name} is {value} here, and was something else for the run: it was "
                            "trained on other "
                            "classes; pass the data as it was with `--data`.")


def _value_of_color(each: NamedClass, meaning: MaskValues) -> Color | int | None:
    "The value that a class has by its color, where the run's masks are told by colors or grays; None without a color."
    return each.color[0] if meaning.by_gray and each.color and is_gray(each.color) else each.color


def _refuse_transparency(scans: Mapping[Path, FileScan]):
    for path, scan in scans.items():
        if scan.storage == ALPHA:
            raise UserError(f"{path}: is a mask of transparency, and the run was trained on colors; convert it.")


def _refuse_void_foreground(tally: Tally, known: MaskValues):
    "Masks of 0 and 255 for a run of 0 and 1, of which 255 is void: nothing would be left but the first class."
    if known.values.get(255) != VOID or known.values.get(1, VOID) == VOID: return
    if 255 in tally.found and set(tally.found) <= {0, 255}:
        file = next(path for path, values in tally.by_file.items() if 255 in values)
        raise UserError(f"{file}: holds 0 and 255 as all masks here do, and for the run 255 is void and classes are 0, "
                        "1 and so on; convert the masks.")


def _refuse_bits(scans: Mapping[Path, FileScan], known: MaskValues):
    "Masks of 1 bit, whose white may be 1 or 255, for a run of more classes than two: its masks had more bits."
    for path, scan in scans.items():
        if scan.has_white_bits and len(known.classes) > 2:
            raise UserError(f"{path}: has 1 bit a pixel, whose white may be 1 or 255, and the run has "
                            f"{len(known.classes)} classes; save it as the run's masks are.")


def _refuse_permuted_palettes(scans: Mapping[Path, FileScan], known: MaskValues):
    "Numbers that are shown in the color of another class of the run."
    classes = {color: index for index, color in enumerate(known.palette)}
    for path, scan in scans.items():
        if scan.storage != PALETTE: continue
        for value, color in scan.palette:
            index, shown = known.values.get(value, VOID), classes.get(unpack(color))
            if shown is not None and index not in (shown, VOID):
                raise UserError(f"{path}: shows {value}, which is {known.classes[index]} for the run, in the color of "
                                f"{known.classes[shown]}; convert it.")


def refuse_others(root: Path, scans: Mapping[Path, FileScan], named: ClassFile | None, known: MaskValues):
    """`UserError` where masks may mean something else than is `known`: by colors in `classes.txt`, or as artifacts of
    lossy compression.
    """
    tally = Tally.of(scans, known.in_color)
    if tally.lossy: refuse_strays(root, tally, tally.strays())
    if known.in_color: return _refuse_transparency(scans)
    _refuse_void_foreground(tally, known)
    _refuse_bits(scans, known)
    _refuse_permuted_palettes(scans, known)
    if named is None: return
    is_run = not known.by_gray and set(range(len(known.classes))) <= set(known.values)
    shown = shown_colors(scan for scan in scans.values() if scan.storage != GRAY or not is_run)
    refuse_other_colors(named, known.classes, known.values, shown, "for the run")
