"The validation images of a run with truth and prediction, worst first, as files that a report shows."

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..errors import UserError
from ..files import atomic_write, writable_folder
from ..images import to_palette_image

SHOWN = 120  # images at most: a report of more is too large to pass on
WIDEST = 640  # pixels


@dataclass(frozen=True)
class Entry:
    "One image: its name, its mIoU and each class's IoU (nan where the class isn't in it), and its files."

    name: str
    miou: float
    ious: dict[str, float]
    image: Path
    truth: Path
    prediction: Path


class Gallery:
    """The folder `gallery/` of a run: `images.csv` with a row for every image, worst first, and the files of the first 120.

    `0001.jpg`, `0001-truth.png` and `0001-prediction.png` are those of the first row, at most 640 pixels wide.
    """

    def __init__(self, path: Path):
        self.path = path

    def write_table(self, table: pd.DataFrame):
        "A row an image: `image`, `mIoU`, and each class's IoU as `IoU CLASS`."
        with atomic_write(writable_folder(self.path) / "images.csv") as file: table.to_csv(file, index=False)

    def write(self, row: int, image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, palette):
        "The files of a row: RGB uint8 `[H,W,3]`, classes uint8 `[h,w]`."
        image_file, *mask_files = self._files(row)
        height, width = truth.shape
        size = (min(width, WIDEST), max(1, round(height * min(1, WIDEST / width))))
        with atomic_write(image_file) as file: Image.fromarray(image).resize(size).save(file, format="JPEG", quality=85)
        for path, mask in zip(mask_files, (truth, prediction)):
            small = to_palette_image(mask, palette).resize(size, Image.Resampling.NEAREST)
            with atomic_write(path) as file: small.save(file, format="PNG")

    def entries(self) -> list[Entry]:
        "The images that have files, worst first."
        path = self.path / "images.csv"
        if not path.is_file(): raise UserError(f"{path}: there is no such file; train again to have images.")
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"image": str})
        classes = [column.removeprefix("IoU ") for column in table.columns[2:]]
        return [Entry(name, miou, dict(zip(classes, ious)), *self._files(row))
                for row, (name, miou, *ious) in enumerate(table[:SHOWN].itertuples(index=False))]

    def _files(self, row: int) -> list[Path]:
        return [self.path / f"{row + 1:04}{kind}" for kind in (".jpg", "-truth.png", "-prediction.png")]
