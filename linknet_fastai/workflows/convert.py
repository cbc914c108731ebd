"A folder in whatever form, written as plain masks of class indices, which any tool reads."

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd
from PIL import Image

from ..dataset_options import DatasetOptions
from ..datasets import open_dataset
from ..datasets.check import check
from ..datasets.dataset import SegmentationDataset
from ..datasets.folder import DRAWN, image_name
from ..errors import UserError
from ..images import VOID
from ..progress import Progress, silent


def convert(source: Path, out: Path, options: DatasetOptions = DatasetOptions(), progress: Progress = silent) -> str:
    """Write the images of the folder `source`, and its annotations or masks, to the new folder `out`; what was done.

    `out` gets `images/`, `masks/` (PNG of class indices, 255 for void), `classes.txt`, and `splits.csv` where the
    source has a split. Nothing stands there before all of it does.

    Raises `UserError` as `folder` does, for unsound samples, and where `out` exists or can't be written.
    """
    if out.exists(): raise UserError(f"{out}: exists already; name a new folder.")
    dataset = open_dataset("folder", source, options, progress)
    problems = check(dataset, progress).problems
    if len(problems): raise UserError(f"{problems.problem.iloc[0]} Nothing was written (unsound samples: "
                                      f"{len(problems)}; `linknet-fastai datasets check` lists them).")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as part:
            folder = Path(part) / out.name
            _write(dataset, folder, progress)
            folder.rename(out)
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
    lines = [f"{name.removeprefix('#')} {' '.join(map(str, color))}\n"
             for name, color in zip(dataset.classes, dataset.palette)]
    (folder / "classes.txt").write_text("".join([*lines, f"void {VOID}\n"]), encoding="utf-8")
    if dataset.split_source == DRAWN: return
    images = [f"images/{name}" for name in names]
    pd.DataFrame({"image": images, "split": dataset.table.split}).to_csv(
        folder / "splits.csv", index=False, errors="surrogateescape")


def _new_names(dataset: SegmentationDataset) -> list[str]:
    """The images' names below images/: their own, or their whole paths in one word where two would clash.

    Folders are left out: what they say of splits stands in `splits.csv`.
    """
    paths = [Path(image_name(dataset.root, dataset.mask_root, image)) for image in dataset.table.image]
    stems = Counter(path.stem.casefold() for path in paths)
    return [path.name if stems[path.stem.casefold()] == 1 else _word(path) for path in paths]


def _word(path: Path) -> str:
    parts = [part for part in path.parts if part != "/"]
    return "_".join([*parts[:-1], f"{path.stem}_{path.suffix[1:]}{path.suffix}"])
