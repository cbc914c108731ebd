"Cityscapes (Cordts et al. 2016, arXiv 1604.01685): 19 evaluated classes, or all 34 ids."

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ..errors import UserError, check_choice
from ..images.mask import VOID
from .class_file import Color
from .dataset import CityscapesLabels, SegmentationDataset
from .splits import SPLITS


class Label(NamedTuple):
    "One of the 34 labels: its number in `*_labelIds.png`, its category, whether the benchmark scores it, its color."

    id: int
    name: str
    category: str
    scored: bool
    color: Color


# names, numbers, categories and colors of the official cityscapesScripts, helpers/labels.py
LABELS = tuple(Label(*row) for row in (
    (0, "unlabeled", "void", False, (0, 0, 0)),
    (1, "ego vehicle", "void", False, (0, 0, 0)),
    (2, "rectification border", "void", False, (0, 0, 0)),
    (3, "out of roi", "void", False, (0, 0, 0)),
    (4, "static", "void", False, (0, 0, 0)),
    (5, "dynamic", "void", False, (111, 74, 0)),
    (6, "ground", "void", False, (81, 0, 81)),
    (7, "road", "flat", True, (128, 64, 128)),
    (8, "sidewalk", "flat", True, (244, 35, 232)),
    (9, "parking", "flat", False, (250, 170, 160)),
    (10, "rail track", "flat", False, (230, 150, 140)),
    (11, "building", "construction", True, (70, 70, 70)),
    (12, "wall", "construction", True, (102, 102, 156)),
    (13, "fence", "construction", True, (190, 153, 153)),
    (14, "guard rail", "construction", False, (180, 165, 180)),
    (15, "bridge", "construction", False, (150, 100, 100)),
    (16, "tunnel", "construction", False, (150, 120, 90)),
    (17, "pole", "object", True, (153, 153, 153)),
    (18, "polegroup", "object", False, (153, 153, 153)),
    (19, "traffic light", "object", True, (250, 170, 30)),
    (20, "traffic sign", "object", True, (220, 220, 0)),
    (21, "vegetation", "nature", True, (107, 142, 35)),
    (22, "terrain", "nature", True, (152, 251, 152)),
    (23, "sky", "sky", True, (70, 130, 180)),
    (24, "person", "human", True, (220, 20, 60)),
    (25, "rider", "human", True, (255, 0, 0)),
    (26, "car", "vehicle", True, (0, 0, 142)),
    (27, "truck", "vehicle", True, (0, 0, 70)),
    (28, "bus", "vehicle", True, (0, 60, 100)),
    (29, "caravan", "vehicle", False, (0, 0, 90)),
    (30, "trailer", "vehicle", False, (0, 0, 110)),
    (31, "train", "vehicle", True, (0, 80, 100)),
    (32, "motorcycle", "vehicle", True, (0, 0, 230)),
    (33, "bicycle", "vehicle", True, (119, 11, 32))))
LICENCE_PLATE = 255  # its id is -1

# average pixels of one instance: avgClassSize of cityscapesScripts, evaluation/evalPixelLevelSemanticLabeling.py
INSTANCE_SIZES = {
    "person": 3462.4756337644, "rider": 3930.4788056518, "car": 12794.0202738185, "truck": 27855.1264367816,
    "bus": 35732.1511111111, "caravan": 36771.8241758242, "trailer": 16926.9763313609, "train": 67583.7075812274,
    "motorcycle": 6298.7200839748, "bicycle": 4672.3249222261}

PROTOCOLS = {"cityscapes19": tuple(label for label in LABELS if label.scored), "cityscapes34": LABELS}
DEFAULTS = dict(size=(512, 1024))  # LinkNet's own, section 5.1

LAYOUT = ("Cityscapes needs a login: get leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from "
          "www.cityscapes-dataset.com, unpack both into one folder, and pass it with `--data DIR`")


def cityscapes(root: str | Path | None = None, protocol: str = "cityscapes19") -> SegmentationDataset:
    """Cityscapes: 5,000 frames of 50 cities, most of them German, with 19 classes or all 34 ids.

    `root` holds `leftImg8bit/` and `gtFine/` as they are unpacked; masks are read from the `*_labelIds.png`, for either
    protocol. Test images have no masks: they can be predicted, not scored. Splits may be missing. `UserError` for an
    unknown protocol, and for a folder without images.
    """
    check_choice("Cityscapes' protocol", protocol, PROTOCOLS)
    if root is None: raise UserError(f"{LAYOUT}.")
    root = Path(root).resolve()
    rows = [_row(root, image) for split in SPLITS
            for image in sorted((root / "leftImg8bit" / split).glob("*/*_leftImg8bit.png"))]
    if not rows: raise UserError(f"{root}: holds no leftImg8bit/SPLIT/CITY/*_leftImg8bit.png; {LAYOUT}.")
    labels = PROTOCOLS[protocol]
    class_of = {label.id: index for index, label in enumerate(labels)}
    values = {label.id: class_of.get(label.id, VOID) for label in LABELS} | {LICENCE_PLATE: VOID}
    table = pd.DataFrame(rows, columns=["image", "mask", "split", "instances"])
    return SegmentationDataset(
        "cityscapes", protocol, tuple(label.name for label in labels), tuple(label.color for label in labels),
        table, values, DEFAULTS, root, _cityscapes_labels(labels), {"protocol": protocol}, split_source="the folders")


def _row(root: Path, image: Path) -> tuple[Path, Path | None, str, Path | None]:
    split, city = image.parts[-3:-1]
    if split == "test": return image, None, split, None  # the files in gtFine/test hold no classes
    frame = root / "gtFine" / split / city / image.name.replace("_leftImg8bit.png", "_gtFine")
    return image, Path(f"{frame}_labelIds.png"), split, Path(f"{frame}_instanceIds.png")


def _cityscapes_labels(labels: tuple[Label, ...]) -> CityscapesLabels:
    return CityscapesLabels(tuple(label.id for label in labels), tuple(label.category for label in labels),
                            tuple(label.scored for label in labels), INSTANCE_SIZES)
