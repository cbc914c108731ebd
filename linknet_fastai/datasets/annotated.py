"A folder as an annotation tool left it, as images and masks."

from dataclasses import dataclass
from pathlib import Path

from ..dataset_options import DatasetOptions
from ..errors import UserError
from ..images.mask import VOID
from ..progress import Progress
from .annotations import Annotations, recognize
from .annotations.draw import draw_masks, drawing_key
from .annotations.export_files import ExportFiles
from .annotations.shapes import is_background
from .class_file import ClassFile
from .layouts import find_samples
from .listed_samples import Layout
from .masks.mask_values import MaskValues, distinct_colors


@dataclass(frozen=True)
class Annotated:
    "What was recognised, with the masks drawn below `mask_root`."

    layout: Layout
    meaning: MaskValues
    mask_root: Path


def find_annotated(root: Path, named: ClassFile | None, known: MaskValues | None, follow_links: bool,
                   progress: Progress) -> Annotated | None:
    """The export of an annotation tool in the folder `root`; None where there is none.

    Args:
        root: the folder.
        named: its `classes.txt`, if there is one, which may say nothing else than the annotations.
        known: the classes of a run that is to read it.
        follow_links: allows links that lead out of the folder.
        progress: shows how far the drawing is.

    Raises `UserError` where the export can't be understood for sure, or has classes that the run doesn't know.
    """
    files = ExportFiles(root, follow_links)
    key = drawing_key(root, files.paths)  # before they are read: what is saved meanwhile is drawn next time
    annotations = recognize(files)
    if annotations is None: return None
    _refuse_masks_too(root, annotations, follow_links)
    if named and [each.name for each in named.classes] != list(annotations.classes):
        raise UserError(f"{named.path}: the annotations have names of their own, in this order: "
                        f"{', '.join(annotations.classes)}; write them so, or remove the file (`--ignore NAME` makes a "
                        "class void).")
    drawn = draw_masks(annotations, key, progress)
    splits = [image.split for image in annotations.images]
    source = "the annotations and their folders" if any(splits) else ""
    return Annotated(Layout(drawn.samples, splits, annotations.description, source),
                     _meaning(annotations, named, known), drawn.folder)


def _refuse_masks_too(root: Path, annotations: Annotations, follow_links: bool):
    "Where somebody drew masks from shapes before, they may differ from the shapes."
    if any(image.mask for image in annotations.images): return
    layout = find_samples(root, DatasetOptions(follow_links=follow_links))
    if layout is None: return
    pairs = [mask for image, mask in layout.samples if image.exists() and mask.exists()]
    if pairs: raise UserError(f"{root}: holds {annotations.description}, and also {layout.description}, such as "
                              f"{pairs[0]}; name the masks' folder with `--masks`, or move them elsewhere.")


def _meaning(annotations: Annotations, named: ClassFile | None, known: MaskValues | None) -> MaskValues:
    """Of the masks that are drawn, whose values are the annotations' classes in their order.

    Their colors are those that `classes.txt` has for all, or the annotations' own.
    """
    classes = annotations.classes
    if known is None:
        colors = tuple(each.color for each in named.classes) if named else (None,)
        palette = colors if all(colors) else annotations.palette or distinct_colors(len(classes))
        return MaskValues(classes, palette, {index: index for index in range(len(classes))} | {VOID: VOID}, False)
    class_of = {name: index for index, name in enumerate(known.classes)}
    note = ""
    if is_background(classes[0]) and classes[0] not in class_of:  # what no shape covers
        own = next(filter(is_background, known.classes), None)  # spelt otherwise
        class_of[classes[0]] = VOID if own is None else class_of[own]
        note = f"{classes[0]} is {own}" if own else f"{classes[0]} is no class of the run, so it is void"
    for name in classes:
        if name not in class_of:
            raise UserError(f"{annotations.root}: annotates {name}, but the run was trained on other classes: "
                            f"{', '.join(known.classes)}; pass the data as it was with `--data`.")
    values = {index: class_of[name] for index, name in enumerate(classes)} | {VOID: VOID}
    return MaskValues(known.classes, known.palette, values, False, note)
