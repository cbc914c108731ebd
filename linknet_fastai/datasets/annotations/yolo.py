"YOLO's segmentation text: a file an image, a polygon a line, and `data.yaml` (docs.ultralytics.com/datasets/segment)."

from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ...errors import UserError
from ...images.header import image_size
from ..splits import SPLITS
from .draft import Draft
from .export_files import ExportFiles
from .outlines import finite
from .rasterize import area
from .reading import checked, read_bytes, read_yaml
from .shapes import SLACK, Annotations, Shape


def recognize(files: ExportFiles) -> Annotations | None:
    """A YAML file with `names`, and text files in labels/ that are called as the images in images/.

    What covers less lies on top; an image without a text file is all background.
    """
    images = [path for path in files.images if _label_file(files.root, path)]
    text_of = {image: text for image in images if (text := _label_file(files.root, image)).is_file()}
    texts = set(text_of.values())
    if not texts: return None
    content = {path: read_yaml(path) for path in files.ending(".yaml", ".yml") if b"names" in read_bytes(path)}
    found = [path for path, values in content.items() if isinstance(values, dict) and "names" in values]
    if not found: return None
    if len(found) > 1: raise UserError(f"{found[0]}: names classes, and {found[1]} too; leave one of them there.")
    if "kpt_shape" in content[found[0]]:
        raise UserError(f"{found[0]}: is of key points (kpt_shape), and these are no segmentation; export polygons.")
    of_text: dict[Path, Path] = {}
    for image, text in text_of.items():
        if (other := of_text.setdefault(text, image)) != image:
            raise UserError(f"{image}: has the same name as {other}, and {text} is of one of them; rename or remove "
                            "one.")
    draft = Draft("YOLO segmentation text", files)
    labels = [draft.label(name, str(found[0])) for name in _names(found[0], content[found[0]]["names"])]
    splits = _splits(files.root, found[0], content[found[0]])
    for text in files.ending(".txt"):
        if text.name == "classes.txt": continue  # labelImg's list of names
        if "labels" in text.relative_to(files.root).parts[:-1] and text not in texts and read_bytes(text).strip():
            draft.missing.append((f"{text.stem}.*", text))
    for image in images: _add(draft, image, _label_file(files.root, image), labels, splits)
    return draft.annotations()


def _label_file(root: Path, image: Path) -> Path | None:
    "By YOLO's rule: the last `images` in the path is `labels`; None for an image that lies in no images/."
    parts = list(image.relative_to(root).parts)
    places = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    if not places: return None
    parts[places[-1]] = "labels"
    return root.joinpath(*parts).with_suffix(".txt")


def _names(path: Path, names: Any) -> list[str]:
    "The names by their numbers, of a list or of a dictionary."
    if isinstance(names, list): return checked(list[str], list(map(str, names)), path)
    by_number = checked(dict[int, str | int | float | bool], names, path)
    if sorted(by_number) != list(range(len(by_number))):
        raise UserError(f"{path}: numbers its names {sorted(by_number)}, with gaps; number them from 0.")
    return [str(by_number[number]) for number in range(len(by_number))]


def _splits(root: Path, path: Path, content: dict[str, Any]) -> dict[str, str]:
    "The split of each folder that the YAML names, which holds those below it; none where two splits share one."
    found: dict[str, str] = {}
    for split in SPLITS:
        entry = content.get(split) or []
        for folder in entry if isinstance(entry, list) else [entry]:
            parts = [part for part in PurePath(str(folder)).parts if part not in ("..", ".", "/")]
            if str(folder).endswith(".txt"):
                raise UserError(f"{path}: lists its {split} images in {folder}; put them in a folder of that split.")
            if found.setdefault("/".join(parts), split) != split: return {}
    return found


def _add(draft: Draft, image: Path, text: Path, labels: list[str | None], splits: dict[str, str]):
    folder = image.relative_to(draft.files.root).parent.as_posix()
    split = splits.get(max((named for named in splits if f"/{named}/" in f"/{folder}/"), key=len, default=""))
    size = image_size(image)
    lines = read_bytes(text).decode("utf-8-sig", errors="replace").splitlines() if text.is_file() else []
    shapes = [_shape(f"{text}: line {number}", line.split(), labels, size)
              for number, line in enumerate(lines, start=1) if line.strip()]
    if not shapes: draft.notes["images have an empty text file, or none"] += 1
    draft.add(image, text if text.is_file() else image, None, shapes=tuple(shapes), split=split)


def _shape(where: str, words: list[str], labels: list[str | None], size: tuple[int, int]) -> Shape:
    try: number, *values = int(words[0]), *map(float, words[1:])
    except ValueError as error: raise UserError(f"{where} is not a class and numbers ({error}); correct it.") from error
    if not 0 <= number < len(labels):
        raise UserError(f"{where} has the class {number}, and {len(labels)} are named; correct it.")
    if len(values) == 4: raise UserError(f"{where} is a box, and a box is no segmentation; export polygons.")
    if len(values) < 6 or len(values) % 2:
        raise UserError(f"{where} has {len(values)} numbers after its class, which are no polygon; correct it.")
    points = finite(np.reshape(values, (-1, 2)), where)
    if points.min() < -SLACK or points.max() > 1 + SLACK:
        raise UserError(f"{where} has coordinates outside 0 to 1, and they are fractions of the image; export again.")
    outline = points * (size[1], size[0])
    return Shape(labels[number], (outline,), z=-area([outline]))
