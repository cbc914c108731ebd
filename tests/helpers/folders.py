"Small folders of images and masks, as people have them; `python tests/helpers/folders.py DIR` writes ten examples."

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 32, 48
BLACK, RED, GREEN = (0, 0, 0), (200, 0, 0), (0, 180, 0)
PALETTE = (BLACK, RED, GREEN)


def stripes(values: Iterable[int], count: int = 10, height: int = HEIGHT, width: int = WIDTH) -> list[np.ndarray]:
    "`count` masks uint8 `[H,W]` of vertical stripes of these values; the first is wider from mask to mask."
    values = list(values)
    masks = []
    for number in range(count):
        edges = np.linspace(0, width - count, len(values) + 1).astype(int)[1:] + number
        masks.append(np.array(values, np.uint8)[np.searchsorted(edges[:-1], np.arange(width),
                                                                side="right")][None].repeat(height, 0))
    return masks


def save_gray(mask: np.ndarray, path: Path): Image.fromarray(mask).save(path)


def save_palette(palette: Iterable) -> Callable[[np.ndarray, Path], None]:
    def save(mask: np.ndarray, path: Path):
        image = Image.fromarray(mask)
        image.putpalette(np.array(list(palette), np.uint8).tobytes())
        image.save(path)
    return save


def save_colors(palette: Iterable) -> Callable[[np.ndarray, Path], None]:
    colors = np.array(list(palette), np.uint8)
    return lambda mask, path: Image.fromarray(colors[mask]).save(path)


def noise(path: Path, height: int = HEIGHT, width: int = WIDTH, seed: int = 0):
    "An image that is unlike all others."
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng([seed, *path.name.encode()]).integers(0, 255, (height, width, 3),
                                                                                np.uint8)).save(path)


def write_folder(root: Path, masks: list[np.ndarray], classes: str | None = None, suffix: str = ".png",
                 save: Callable | list[Callable] = save_gray) -> Path:
    """`images/NN.png` and `masks/NN.SUFFIX`, each mask saved by `save`, or by several in turn.

    `classes` is `classes.txt`.
    """
    savers = save if isinstance(save, list) else [save]
    for number, mask in enumerate(masks):
        noise(root / "images" / f"{number:02}.png", *mask.shape[:2])
        path = root / "masks" / f"{number:02}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        savers[number % len(savers)](mask, path)
    if classes is not None: (root / "classes.txt").write_text(classes)
    return root


def write_files(root: Path, images: Iterable[str], masks: Iterable[str], values: Iterable[int] = (0, 1)) -> Path:
    "Images and masks under these names."
    for name in images: noise(root / name)
    masks = list(masks)
    for name, mask in zip(masks, stripes(values, len(masks))):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save_gray(mask, root / name)
    return root


def pascal_voc(root: Path) -> Path:
    write_files(root, [f"JPEGImages/{n}.jpg" for n in range(4)], [f"SegmentationClass/{n}.png" for n in range(4)],
                (0, 5, 255))
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("0\n1\n2\n")
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("3\n")
    return root


def table(root: Path) -> Path:
    write_files(root, [f"x/{n}.png" for n in range(4)], [f"y/{n}_q.png" for n in range(4)])
    rows = [f"x/{n}.png,y/{n}_q.png,{'train' if n else 'valid'}" for n in range(4)]
    (root / "list.csv").write_text("\n".join(["image,mask,split", *rows]))
    return root


EXAMPLES: dict[str, Callable[[Path], Path]] = {
    "black-and-white": lambda root: write_folder(root, stripes((0, 255)), "road\n"),
    "indices": lambda root: write_folder(root, stripes((0, 1, 2)), "ground\nwall\ndoor\n"),
    "palette": lambda root: write_folder(root, stripes((0, 1, 2)), save=save_palette(PALETTE)),
    "colors": lambda root: write_folder(root, stripes((0, 1, 2)), "ground 0 0 0\nred 200 0 0\ngreen 0 180 0\n",
                                        save=save_colors(PALETTE)),
    "beside": lambda root: write_files(root, [f"{n}.jpg" for n in range(4)], [f"{n}_mask.png" for n in range(4)]),
    "other-names": lambda root: write_files(root, [f"imgs/{n}.png" for n in range(4)],
                                            [f"labels/{n}_L.png" for n in range(4)]),
    "split-folders": lambda root: write_files(
        root, [f"{split}/images/{split}{n}.png" for split in ("training", "validation") for n in range(3)],
        [f"{split}/masks/{split}{n}.png" for split in ("training", "validation") for n in range(3)]),
    "split-names": lambda root: write_files(
        root, [f"{split}_images/{split}{n}.png" for split in ("train", "val") for n in range(3)],
        [f"{split}_masks/{split}{n}.png" for split in ("train", "val") for n in range(3)]),
    "pascal-voc": pascal_voc,
    "table": table,
}

if __name__ == "__main__":
    for name, write in EXAMPLES.items(): print(write(Path(sys.argv[1]) / name))
