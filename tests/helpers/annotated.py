"Small folders as annotation tools leave them: a road, and a car on it, on each of six images."

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 30, 40
ROAD, CAR = [(5, 5), (25, 5), (25, 20), (5, 20)], [(10, 10), (15, 10), (15, 15), (10, 15)]
DRAWN = (("road", ROAD), ("car", CAR))
NAMES = [f"street{number}" for number in range(6)]


def mask() -> np.ndarray:
    "What lies in each folder: 0 where nothing is, 1 road, 2 car; uint8 `[H,W]`."
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    pixels[5:20, 5:25] = 1
    pixels[10:15, 10:15] = 2
    return pixels


def write_images(folder: Path, names=tuple(NAMES)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        rng = np.random.default_rng(NAMES.index(name))
        Image.fromarray(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(folder / f"{name}.png")


def flat(points) -> list[float]: return [value for point in points for value in point]


def coco(root: Path):
    write_images(root / "images")
    annotations = [{"id": 10 * image + kind, "image_id": image, "category_id": kind + 1, "iscrowd": 0, "area": 1,
                    "bbox": [0, 0, 1, 1], "segmentation": [flat(points)]}
                   for image in range(6) for kind, (_, points) in reversed(list(enumerate(DRAWN)))]
    write_json(root / "instances.json", {
        "images": [{"id": number, "file_name": f"{name}.png", "height": HEIGHT, "width": WIDTH}
                   for number, name in enumerate(NAMES)],
        "categories": [{"id": 1, "name": "road"}, {"id": 2, "name": "car"}], "annotations": annotations})


def labelme(root: Path):
    write_images(root)
    for name in NAMES:
        write_json(root / f"{name}.json", {
            "version": "5.5.0", "flags": {}, "imagePath": f"{name}.png", "imageData": None, "imageHeight": HEIGHT,
            "imageWidth": WIDTH, "shapes": [{"label": label, "points": points, "shape_type": "polygon",
                                             "group_id": None, "flags": {}} for label, points in DRAWN]})


def cvat(root: Path):
    write_images(root / "images")
    polygons = "".join(f'<polygon label="{label}" z_order="{z}" points="{";".join(f"{x},{y}" for x, y in points)}"/>'
                       for z, (label, points) in reversed(list(enumerate(DRAWN))))
    images = "".join(f'<image id="{number}" name="{name}.png" width="{WIDTH}" height="{HEIGHT}">{polygons}</image>'
                     for number, name in enumerate(NAMES))
    labels = "".join(f"<label><name>{label}</name><color>{color}</color></label>"
                     for label, color in (("road", "#ff0000"), ("car", "#00ff00")))
    (root / "annotations.xml").write_text(f"<annotations><version>1.1</version><meta><task><labels>{labels}</labels>"
                                          f"</task></meta>{images}</annotations>")


def cvat_masks(root: Path):
    write_images(root / "images")
    (root / "SegmentationClass").mkdir()
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\ncar:0,255,0::\nroad:255,0,0::\n"
                                       "background:0,0,0::\n")
    colors = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0)], dtype=np.uint8)
    for name in NAMES: Image.fromarray(colors[mask()]).save(root / "SegmentationClass" / f"{name}.png")


def label_studio(root: Path):
    write_images(root / "images")
    result = [{"id": label, "type": "polygonlabels", "original_width": WIDTH, "original_height": HEIGHT,
               "image_rotation": 0, "value": {"points": [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in points],
                                              "polygonlabels": [label], "closed": True}} for label, points in DRAWN]
    write_json(root / "export.json", [
        {"id": number, "data": {"image": f"/data/upload/1/abcdef01-{name}.png"},
         "annotations": [{"id": 1, "was_cancelled": False, "ground_truth": False, "result": result}]}
        for number, name in enumerate(NAMES)])


def yolo(root: Path):
    for split, names in (("train", NAMES[:4]), ("val", NAMES[4:])):
        write_images(root / "images" / split, names)
        (root / "labels" / split).mkdir(parents=True)
        lines = [f"{kind} " + " ".join(f"{x / WIDTH} {y / HEIGHT}" for x, y in points)
                 for kind, (_, points) in reversed(list(enumerate(DRAWN)))]
        for name in names: (root / "labels" / split / f"{name}.txt").write_text("\n".join(lines))
    (root / "data.yaml").write_text("path: .\ntrain: images/train\nval: images/val\nnames:\n  0: road\n  1: car\n")


def roboflow_masks(root: Path):
    for folder, names in (("train", NAMES[:4]), ("valid", NAMES[4:])):
        write_images(root / folder, names)
        (root / folder / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, road\n2, car\n")
        for name in names: Image.fromarray(mask()).save(root / folder / f"{name}_mask.png")


def write_json(path: Path, content): path.write_text(json.dumps(content))


TOOLS: dict[str, Callable[[Path], None]] = {
    "COCO JSON": coco, "LabelMe JSON": labelme, "CVAT XML": cvat, "CVAT segmentation masks": cvat_masks,
    "Label Studio JSON": label_studio, "YOLO segmentation text": yolo, "Roboflow semantic masks": roboflow_masks}
