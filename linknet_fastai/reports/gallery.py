"The validation images of a run with truth and prediction, worst first, as files that a report shows."

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..errors import printable
from ..files import atomic_write, refuse_irregular, writable_folder, write_csv
from ..images.mask import Palette, to_palette_image
from ..images.resize import LONGEST_JPEG
from ..runs.reading import damaged
from ..runs.tables import Score, read_table

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
    """The folder `gallery/` of a run: a table of its validation images, worst first, and the files of the first 120.

    `images.csv` has a row an image, and is written last: where it stands, all files do. `0001.jpg`, `0001-truth.png`
    and `0001-prediction.png` are those of the first row, at most 640 pixels wide.
    """

    def __init__(self, path: Path):
        self.path = path

    @property
    def table_file(self) -> Path:
        "The table, `images.csv`."
        return self.path / "images.csv"

    def begin(self):
        "Draw anew: a gallery that is interrupted has no table, by which it is known."
        refuse_irregular(self.table_file)
        self.table_file.unlink(missing_ok=True)

    def write_table(self, table: pd.DataFrame):
        "Write the table, worst first: a row an image with `image`, `mIoU`, and each class's IoU as `IoU CLASS`."
        writable_folder(self.path)
        write_csv(self.table_file, table)

    def write(self, row: int, image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, palette: Palette):
        """Write the files of a row of the table.

        Args:
            row: its number, from 0.
            image: RGB, uint8 `[H,W,3]`.
            truth: classes and void, uint8 `[h,w]`.
            prediction: classes, uint8 `[h,w]`.
            palette: a color a class.
        """
        image_file, *mask_files = self._files(row)
        height, width = truth.shape
        zoom = min(1, WIDEST / width, LONGEST_JPEG / height)
        size = max(1, round(zoom * width)), max(1, round(zoom * height))
        with atomic_write(image_file) as file: Image.fromarray(image).resize(size).save(file, format="JPEG", quality=85)
        for path, mask in zip(mask_files, (truth, prediction)):
            small = to_palette_image(mask, palette).resize(size, Image.Resampling.NEAREST)
            with atomic_write(path) as file: small.save(file, format="PNG")

    def entries(self) -> list[Entry]:
        "The images that have files, worst first; `UserError` where there is no table, or a damaged one."
        table = read_table(self.table_file, {"image": str, "mIoU": Score}, Score)
        if list(table.columns[:2]) != ["image", "mIoU"] or table["image"].duplicated().any():
            raise damaged(self.table_file, "its columns are others, or an image stands in it twice")
        classes = [column.removeprefix("IoU ") for column in table.columns[2:]]
        return [Entry(printable(name), miou, dict(zip(classes, ious)), *self._files(row))
                for row, (name, miou, *ious) in enumerate(table[:SHOWN].itertuples(index=False))]

    def _files(self, row: int) -> list[Path]:
        return [self.path / f"{row + 1:04}{kind}" for kind in (".jpg", "-truth.png", "-prediction.png")]
