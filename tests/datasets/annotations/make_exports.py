"""Writes `exports/`: the same two masks, as labelme, pycocotools, datumaro and label-studio-sdk write them.

Each part needs its tool (`pip install labelme pycocotools datumaro label-studio-sdk`), in one environment or several:
`python make_exports.py coco labelme ...`. What they wrote is kept, so that the tests need none of them.
"""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

EXPORTS = Path(__file__).parent / "exports"
NAMES = ("background", "road", "car")
SIZE = HEIGHT, WIDTH = 36, 48


def true_masks() -> dict[str, np.ndarray]:
    "Class indices uint8 `[H,W]` by name: a slanted road with a hole in one, and cars that touch it and the border."
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    first = np.zeros(SIZE, dtype=np.uint8)
    first[(rows > columns / 3 + 8) & (rows < columns / 3 + 24)] = 1
    first[(rows - 18) ** 2 + (columns - 14) ** 2 < 30] = 0
    first[(rows - 22) ** 2 + (columns - 34) ** 2 < 40] = 2
    second = np.zeros(SIZE, dtype=np.uint8)
    second[20:] = 1
    second[12:26, 40:] = 2
    second[5, 5] = 2
    return {"first": first, "second": second}


def true_polygons() -> dict[str, list[tuple[int, list[tuple[float, float]]]]]:
    "The same as (class, corners), from the lowest to the highest."
    def circle(x: float, y: float, square: float) -> list[tuple[float, float]]:
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        return [(float(x + square ** 0.5 * np.cos(a)), float(y + square ** 0.5 * np.sin(a))) for a in angles]
    return {"first": [(1, [(0, 8.5), (48, 24.5), (48, 36), (34.5, 36), (0, 24.5)]), (0, circle(14.5, 18.5, 30)),
                      (2, circle(34.5, 22.5, 40))],
            "second": [(1, [(0, 20), (48, 20), (48, 36), (0, 36)]), (2, [(40, 12), (48, 12), (48, 26), (40, 26)]),
                       (2, [(5, 5), (6, 5), (6, 6), (5, 6)])]}


def images(folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(true_masks()):
        values = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{name}.png")


def coco():
    from pycocotools import mask as runs
    images(EXPORTS / "coco" / "images")
    annotations = []
    for number, mask in enumerate(true_masks().values()):
        for category in (1, 2):
            encoded = runs.encode(np.asfortranarray((mask == category).astype(np.uint8)))
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": category, "iscrowd": 0,
                "area": int(runs.area(encoded)), "bbox": runs.toBbox(encoded).tolist(),
                "segmentation": {"size": encoded["size"], "counts": encoded["counts"].decode()}})
    content = {"images": [{"id": number, "file_name": f"{name}.png", "height": HEIGHT, "width": WIDTH}
                          for number, name in enumerate(true_masks())],
               "categories": [{"id": index, "name": NAMES[index]} for index in (1, 2)], "annotations": annotations}
    (EXPORTS / "coco" / "annotations.json").write_text(json.dumps(content))


def labelme():
    from labelme._label_file import LabelFile
    images(EXPORTS / "labelme")
    for name, mask in true_masks().items():
        shapes = []
        for category in (1, 2):
            rows, columns = np.nonzero(mask == category)
            top, left, bottom, right = rows.min(), columns.min(), rows.max(), columns.max()
            part = (mask == category)[top:bottom + 1, left:right + 1]
            shapes.append({"label": NAMES[category], "points": [[float(left), float(top)], [float(right),
                                                                                            float(bottom)]],
                           "group_id": None, "description": "", "shape_type": "mask", "flags": {}, "mask": _png(part)})
        LabelFile().save(filename=str(EXPORTS / "labelme" / f"{name}.json"), shapes=shapes, image_path=f"{name}.png",
                         image_height=HEIGHT, image_width=WIDTH, flags={})


def _png(part: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(part.astype(np.uint8) * 255).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def label_studio():
    from label_studio_sdk.converter.brush import mask2rle
    images(EXPORTS / "label_studio" / "images")
    tasks = []
    for number, (name, mask) in enumerate(true_masks().items()):
        result = [{"id": f"r{category}", "type": "brushlabels", "from_name": "tag", "to_name": "image",
                   "origin": "manual", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0,
                   "value": {"format": "rle", "brushlabels": [NAMES[category]],
                             "rle": [int(value) for value in mask2rle((mask == category).astype(np.uint8) * 255)]}}
                  for category in (1, 2)]
        annotation = {"id": number, "was_cancelled": False, "ground_truth": False, "result": result}
        tasks.append({"id": number, "data": {"image": f"/data/upload/1/0a1b2c3d-{name}.png"},
                      "annotations": [annotation], "predictions": []})
    (EXPORTS / "label_studio" / "export.json").write_text(json.dumps(tasks))


def datumaro():
    from datumaro.components.annotation import AnnotationType, LabelCategories, Mask, Polygon
    from datumaro.components.dataset import Dataset
    from datumaro.components.dataset_base import DatasetItem
    from datumaro.components.media import Image as Media
    images(EXPORTS / "datumaro_images")
    masks = {name: [Mask((mask == category), label=category, id=category, group=category, z_order=category)
                    for category in (1, 2)] for name, mask in true_masks().items()}
    polygons = {name: [Polygon([value for point in points for value in point], label=label, z_order=order)
                       for order, (label, points) in enumerate(drawn)] for name, drawn in true_polygons().items()}
    for format, folder, annotations in (("coco_instances", "datumaro_coco", masks), ("cvat", "datumaro_cvat", polygons),
                                        ("voc_segmentation", "datumaro_voc", masks)):
        items = [DatasetItem(name, subset="default", annotations=of_image,
                             media=Media.from_file(str(EXPORTS / "datumaro_images" / f"{name}.png")))
                 for name, of_image in annotations.items()]
        labels = {AnnotationType.label: LabelCategories.from_iterable(NAMES)}
        Dataset.from_iterable(items, categories=labels).export(str(EXPORTS / folder), format, save_media=True)
    for path in sorted((EXPORTS / "datumaro_images").iterdir()): path.unlink()
    (EXPORTS / "datumaro_images").rmdir()


if __name__ == "__main__":
    for part in sys.argv[1:]: globals()[part]()
