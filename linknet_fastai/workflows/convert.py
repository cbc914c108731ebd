"A folder in whatever form, written as plain masks of class indices, which any tool reads."

import shutil
from collections import Counter
from itertools import count
from pathlib import Path

import pandas as pd
from PIL import Image

from ..dataset_options import DatasetOptions
from ..datasets import open_dataset
from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..datasets.folder import DRAWN, image_name
from ..datasets.names import look
from ..datasets.scan import ScanCache
from ..errors import UserError
from ..files import atomic_folder
from ..images.mask import VOID
from ..progress import Progress, silent


def convert(source: Path, out: Path, options: DatasetOptions = DatasetOptions(), progress: Progress = silent) -> str:
    """Write the images of the folder `source`, and its annotations or masks, to the new folder `out`; what was done.

    `out` gets `images/`, `masks/` (PNG of class indices, 255 for void), `classes.txt`, and `splits.csv` where the
    source has a split. Nothing stands there before all of it does, and is read again as it was.

    Raises `UserError` as `folder` does, for unsound samples, and where `out` exists or can't be written.
    """
    if out.exists(): raise UserError(f"{out}: exists already; name a new folder.")
    dataset = open_dataset("folder", source, options, progress)
    problems = check(dataset, progress).problems
    if len(problems): raise UserError(f"{problems.problem.iloc[0]} Nothing was written (unsound samples: "
                                      f"{len(problems)}; `linknet-fastai datasets check` lists them).")
    try:
        with atomic_folder(out) as fresh:
            _write(dataset, fresh, progress)
            _read_again(dataset, fresh, out, progress)
    except OSError as error:
        raise UserError(f"{out}: can't be written ({error.strerror or error}); choose another folder.") from error
    return f"{out}: {len(dataset.table)} images, {len(dataset.classes)} classes ({dataset.note})"


def _write(dataset: SegmentationDataset, folder: Path, progress: Progress):
    names = _new_names(dataset)
    for row, name in progress(zip(dataset.table.itertuples(), names), len(names)):
        image, mask = folder / "images" / name, (folder / "masks" / name).with_suffix(".png")
        for path in (image, mask): path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(row.image, image)
        Image.fromarray(dataset.read_mask(row.mask)).save(mask)
    lines = [*_class_lines(dataset), f"void {VOID}"]
    (folder / "classes.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if dataset.split_source == DRAWN: return
    images = [f"images/{name}" for name in names]
    pd.DataFrame({"image": images, "split": dataset.table.split}).to_csv(
        folder / "splits.csv", index=False, errors="surrogateescape")


def _class_names(dataset: SegmentationDataset) -> tuple[str, ...]:
    "As a line of `classes.txt` has them, where `#` begins a comment."
    return tuple(" ".join(name.removeprefix("#").split()) for name in dataset.classes)


def _class_lines(dataset: SegmentationDataset) -> list[str]:
    "With colors where each class has its own: two of one color are refused when they are read."
    names = _class_names(dataset)
    if len(set(dataset.palette)) < len(dataset.palette): return list(names)
    return [f"{name} {' '.join(map(str, color))}" for name, color in zip(names, dataset.palette)]


def _read_again(dataset: SegmentationDataset, folder: Path, out: Path, progress: Progress):
    "`UserError` where what was written to `folder`, to be renamed to `out`, isn't read as `dataset`."
    try: again = open_dataset("folder", folder, DatasetOptions(channels=dataset.channels), progress)
    except UserError as error:
        reason = error.message.replace(str(folder.resolve()), str(out))
        raise UserError(f"{out}: was not written, since it could not be read: {reason}") from error
    finally: ScanCache(folder.resolve()).file.unlink(missing_ok=True)  # nothing lies there any more
    if again.classes != _class_names(dataset):
        raise UserError(f"{out}: was not written, since its classes would be read as {', '.join(again.classes)}, and "
                        f"are {', '.join(dataset.classes)}; give them other names.")
    if other := [value for value, index in again.values.items() if value != index]:
        raise UserError(f"{out}: was not written, since {', '.join(map(str, other))} in its masks would be read as "
                        "other classes; give the classes other names or colors.")
    if len(again.table) != len(dataset.table):
        raise UserError(f"{out}: was not written, since {len(again.table)} of its {len(dataset.table)} images would be "
                        "found; give those whose names begin with a dot others.")


def _new_names(dataset: SegmentationDataset) -> list[str]:
    """The images' names below images/: their own, or their whole paths in one word where two would clash.

    Words that still clash are numbered. Folders are left out: what they say of splits stands in `splits.csv`.
    """
    paths = [Path(image_name(dataset.root, dataset.mask_root, image)) for image in dataset.table.image]
    stems = Counter(_stem(path.name) for path in paths)
    return _numbered([path.name if stems[_stem(path.name)] == 1 else _word(path) for path in paths])


def _stem(name: str) -> str:
    "What the names of two images, and of their masks, must not share, on whatever file system."
    return look(Path(name).stem)


def _numbered(names: list[str]) -> list[str]:
    stems = Counter(map(_stem, names))
    taken, found = set(stems), []
    for name in names:
        if stems[_stem(name)] > 1:
            path = Path(name)
            numbered = (path.with_stem(f"{path.stem}_{number}").name for number in count(1))
            name = next(each for each in numbered if _stem(each) not in taken)
            taken.add(_stem(name))
        found.append(name)
    return found


def _word(path: Path) -> str:
    parts = [part for part in path.parts if part != "/"]
    return "_".join([*parts[:-1], f"{path.stem}_{path.suffix[1:]}{path.suffix}"])
