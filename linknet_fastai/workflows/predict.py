"A run's best model on image files and folders."

from collections.abc import Callable
from pathlib import Path

from ..deploy.output import FORMATS
from ..deploy.predictor import Predictor
from ..errors import UserError, check_choice
from ..files import writable_folder
from ..images import find_images
from ..progress import Progress, silent


def predict(predictor: Predictor, paths: list[Path], out: Path, format: str = "masks",
            progress: Progress = silent) -> list[Path]:
    """Write a prediction for each image, below the folder `out`; the files of the masks.

    Args:
        predictor: the model.
        paths: image files, and folders of them.
        out: the folder to write to.
        format: one of `FORMATS`. `masks`: `NAME.png` with class indices in color, and `NAME_overlay.png`. `cityscapes`:
            what the benchmark's server takes, `CITY_SEQUENCE_FRAME_labelIds.png` with its ids.
        progress: shows how far it is.

    All images that can be read are done; `UserError` then names the first that can't.
    """
    check_choice("format", format, FORMATS)
    if format == "cityscapes" and predictor.card.ids is None:
        raise UserError(f"a model of {predictor.card.protocol} doesn't know Cityscapes' ids; predict with one trained "
                        "on it.")
    targets = _targets(paths, out, FORMATS[format].names)
    written, failed = [], []
    for image, files in progress(targets, len(targets)):
        try: mask = predictor(image)
        except UserError as error:
            failed.append(error)
            continue
        writable_folder(files[0].parent)
        FORMATS[format].write(image, mask, predictor.card, *files)
        written.append(files[0])
    if failed: raise failed[0]
    return written


def _targets(paths: list[Path], out: Path, names: Callable[[Path], tuple[Path, ...]]) -> list[tuple[Path, list[Path]]]:
    "The files to write for each image; `UserError` where one is another's, or an image itself."
    found = find_images(paths, out)
    taken = {image.resolve(): image for image, _ in found}
    targets = []
    for image, relative in found:
        files = [out / name for name in names(relative)]
        for file in files:
            if file.resolve() in taken:
                raise UserError(f"{image}: predicting it would write {file}, which is or belongs to "
                                f"{taken[file.resolve()]}; choose another folder with `--out`, or predict them apart.")
            taken[file.resolve()] = image
        targets.append((image, files))
    return targets
