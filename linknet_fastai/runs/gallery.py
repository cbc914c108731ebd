"The validation pictures of a run with truth and prediction, worst first, as files that a report shows."

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..errors import UserError
from ..files import writable_folder, written_whole
from ..pictures import in_palette

SHOWN = 120  # pictures at most: a report of more is too large to pass on
WIDEST = 640  # pixels


@dataclass(frozen=True)
class Entry:
    "One picture: its name, its mIoU and each class's IoU (nan where the class isn't in it), and its files."

    name: str
    miou: float
    ious: dict[str, float]
    image: Path
    truth: Path
    prediction: Path


class Gallery:
    """The folder `pictures/` of a run: `pictures.csv` with a row for every picture, worst first, and the files of the first 120.

    `0001.jpg`, `0001-truth.png` and `0001-prediction.png` are those of the first row, at most 640 pixels wide.
    """

    def __init__(self, path: Path):
        self.path = path

    def write_table(self, table: pd.DataFrame):
        "A row a picture: `picture`, `mIoU`, and each class's IoU as `IoU CLASS`."
        with written_whole(writable_folder(self.path) / "pictures.csv") as file: table.to_csv(file, index=False)

    def write(self, row: int, image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, palette):
        "The files of a row: RGB uint8 `[H,W,3]`, classes uint8 `[h,w]`."
        picture, *masks = self._files(row)
        height, width = truth.shape
        size = (min(width, WIDEST), max(1, round(height * min(1, WIDEST / width))))
        with written_whole(picture) as file: Image.fromarray(image).resize(size).save(file, format="JPEG", quality=85)
        for path, mask in zip(masks, (truth, prediction)):
            small = in_palette(mask, palette).resize(size, Image.Resampling.NEAREST)
            with written_whole(path) as file: small.save(file, format="PNG")

    def entries(self) -> list[Entry]:
        "The pictures that have files, worst first."
        path = self.path / "pictures.csv"
        if not path.is_file(): raise UserError(f"{path}: there is no such file; train again to have pictures.")
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"picture": str})
        classes = [column.removeprefix("IoU ") for column in table.columns[2:]]
        return [Entry(name, miou, dict(zip(classes, ious)), *self._files(row))
                for row, (name, miou, *ious) in enumerate(table[:SHOWN].itertuples(index=False))]

    def _files(self, row: int) -> list[Path]:
        return [self.path / f"{row + 1:04}{kind}" for kind in (".jpg", "-truth.png", "-prediction.png")]
