"Frames of Cityscapes, drawn from random polygons by its official scripts."

import json
from pathlib import Path

import numpy as np
from cityscapesscripts.helpers import labels as official
from cityscapesscripts.helpers.annotation import Annotation
from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
from cityscapesscripts.preparation.json2labelImg import json2labelImg
from PIL import Image

HEIGHT, WIDTH = 64, 128


def random_annotation(rng: np.random.Generator) -> dict:
    "Polygons of every label, the licence plate and groups of instances among them."
    names = [label.name for label in official.labels if label.name != "unlabeled"]
    names += ["car", "car", "person", "bicyclegroup", "cargroup"]
    def polygon(name: str) -> dict:
        left, top = rng.integers(0, WIDTH - 24), rng.integers(0, HEIGHT - 20)
        right, bottom = left + rng.integers(4, 24), top + rng.integers(4, 20)
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        return {"label": name, "polygon": [[int(x), int(y)] for x, y in corners]}
    objects = [polygon(name) for name in rng.permutation(names).tolist()]
    return {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}


def draw_frame(root: Path, split: str, city: str, number: int, rng: np.random.Generator) -> Path:
    "A frame and its masks as the official scripts draw them; the path of its `labelIds`."
    frame = f"{city}_{number:06}_000019"
    image = root / "leftImg8bit" / split / city / f"{frame}_leftImg8bit.png"
    truth = root / "gtFine" / split / city / f"{frame}_gtFine"
    image.parent.mkdir(parents=True, exist_ok=True), truth.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(image)
    polygons = f"{truth}_polygons.json"
    Path(polygons).write_text(json.dumps(random_annotation(rng)))
    for encoding, name in (("ids", "labelIds"), ("trainIds", "labelTrainIds")):
        json2labelImg(polygons, f"{truth}_{name}.png", encoding)
    annotation = Annotation()
    annotation.fromJsonFile(polygons)
    # Pillow no longer saves their mode, I
    instances = np.asarray(createInstanceImage(annotation, "ids"), dtype=np.uint16)
    Image.fromarray(instances).save(f"{truth}_instanceIds.png")
    return Path(f"{truth}_labelIds.png")
