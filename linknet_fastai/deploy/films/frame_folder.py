"A film's masks as a folder of files, one for each frame."

from pathlib import Path

import pandas as pd

from ...errors import UserError
from ...files import writable_folder, write_csv
from ...runs.card import ModelCard
from ..output import FORMATS, Predicted
from .frame import Frame

FRAME_FORMATS = ("masks", "values", "geojson")  # of `FORMATS`: the others name image files, and a frame is in none
TABLE = "frames.csv"


class FrameFolder:
    """A mask for each frame, `000001.png` and so on in the order shown, and `frames.csv` with their times.

    `format` is one of `FRAME_FORMATS`. Without `frames.csv`, which comes last, a folder isn't complete. `UserError`
    where the folder isn't empty: a longer film's masks would stay beside this one's.
    """

    def __init__(self, folder: Path, film: Path, format: str, card: ModelCard):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder}: is there already; remove it, or choose another folder with `--out`.")
        self.folder, self.film, self.format, self.card = writable_folder(folder), film, format, card
        self.times: list[float] = []

    def write(self, frame: Frame, mask):
        "The next frame, and its classes uint8 `[H,W]`."
        self.times.append(float(frame.time))
        relative = Path(f"{len(self.times):06}.png")
        format = FORMATS[self.format]
        format.write(Predicted(self.film, relative, frame.pixels, mask, self.card),
                     *(self.folder / name for name in format.names(relative, self.film)))

    def copy(self, packet):
        "Sound has no place here."

    def finish(self):
        table = pd.DataFrame({"frame": range(1, len(self.times) + 1), "seconds": self.times})
        write_csv(self.folder / TABLE, table, float_format="%.6f")
