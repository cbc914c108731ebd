"Which class a color in a mask means, by `classes.txt` or by the colors that there are."

from pathlib import Path

from ...errors import UserError
from ...images.mask import VOID
from ..class_file import ClassFile, Color
from ..mask_file import pack, unpack
from .mask_values import MOST_CLASSES, MaskValues, listed_colors, refuse_one, refuse_strays
from .tally import Tally, few_of


def color_classes(root: Path, tally: Tally, named: ClassFile | None, border: frozenset[Color]) -> MaskValues:
    """What the colors in masks mean: by `classes.txt`, if there is one, or each is a class.

    `border` are colors that the layout says are void. `UserError` where it can't be told for sure.
    """
    void = (named.void_colors if named else frozenset()) | border
    known = set(map(pack, {*listed_colors(named), *void, (0, 0, 0)})) if named else set()
    strays = tally.strays(frozenset(known))
    refuse_strays(root, tally, strays)
    found = [unpack(value) for value in tally.found if value not in strays]
    if named: return _named_colors(tally, named, found, void)
    found = [color for color in found if color not in void]
    if len(found) > MOST_CLASSES:
        raise UserError(f"{root}: its masks hold {len(found)} different colors, so many that they look smoothed or "
                        "compressed; save masks as PNG without either, or list the classes in classes.txt.")
    classes = tuple("#{:02x}{:02x}{:02x}".format(*color) for color in found)
    refuse_one(root, classes)
    note = f"no classes.txt, so the colors in the masks are the classes: {len(found)}"
    values = dict.fromkeys(void, VOID) | {color: index for index, color in enumerate(found)}
    return MaskValues(classes, tuple(found), values, True, note)


def _named_colors(tally: Tally, named: ClassFile, found: list[Color], void: frozenset[Color]) -> MaskValues:
    names, black = [each.name for each in named.classes], (0, 0, 0)
    colors = [each.color for each in named.classes]
    others = [color for color in found if color != black and color not in void]
    voids = {color: VOID for color in void}
    is_one = len(names) == 1 and len(others) <= 1 and black in found and colors[0] in (None, *others)
    if is_one and black not in void and (color := next(filter(None, (colors[0], *others)), None)):  # one thing on black
        note = f"background is black, {names[0]} {color}"
        return MaskValues(("background", names[0]), (black, color), {black: 0, color: 1} | voids, True, note)
    if len(found) == len(names): refuse_one(named.path, tuple(names))
    if colors == [None, None] and black in found and black not in void and len(others) == 1:
        note = f"black is {names[0]}, {others[0]} {names[1]}"
        return MaskValues(tuple(names), (black, *others), {black: 0, others[0]: 1} | voids, True, note)
    for name, color in zip(names, colors):
        if color is None:
            raise UserError(f"{named.path}: {name} has no color, but the masks are in color ({few_of(found)}); write "
                            f"`{name} R G B`.")
    refuse_one(named.path, tuple(names))
    values = {black: VOID} | voids | {color: index for index, color in enumerate(colors)}
    return MaskValues(tuple(names), tuple(colors), values, True)
