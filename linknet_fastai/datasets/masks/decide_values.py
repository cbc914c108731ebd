"Whether masks hold numbers or colors, and with that what their values mean: decided once, for all of a dataset."

from collections.abc import Mapping
from pathlib import Path

from ...errors import UserError
from ...images.mask import VOID
from ..class_file import ClassFile
from ..file_scan import FileScan
from ..mask_file import ALPHA, BILEVEL, COLOR, GRAY, PALETTE, pack, unpack
from .color_values import color_classes
from .mask_values import MaskValues, listed_colors
from .number_values import number_classes
from .tally import Tally, few_of

VOC_BORDER = (224, 224, 192)  # the color of 255 in Pascal VOC's palette


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
    border = frozenset({VOC_BORDER}) if VOID in void else frozenset()
    meaning = (color_classes(root, tally, named, border) if in_color
               else number_classes(root, scans, tally, named, void))
    _refuse_many(named.path if named else root, len(meaning.classes))
    return meaning


def _refuse_many(where: Path, count: int):
    if count >= VOID:
        raise UserError(f"{where}: has {count} classes, and there can be {VOID - 1}, as a mask has a byte a pixel and "
                        f"{VOID} is void; leave some out, or make them void with lines `void NAME`.")


def is_in_color(root: Path, scans: Mapping[Path, FileScan], named: ClassFile | None) -> bool:
    """Whether masks are read as colors.

    They are where some have RGB, where palettes differ from file to file, and where they have the colors of
    `classes.txt`. `UserError` where gray numbers stand among colors, or only some colors of a palette are in
    `classes.txt`.
    """
    kinds, listed = {scan.storage for scan in scans.values()}, listed_colors(named)
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
    if known <= listed | named.void_colors: return True
    raise UserError(f"{named.path}: has some of the colors in the masks' palettes, but not "
                    f"{few_of(sorted(known - listed))}; list them all, or no color.")
