"""Peak memory and time of predicting one large image by tiles, whatever the number of classes.

    python benchmarks/large_image.py --side 10000 --classes 19

The image is a TIFF in tiles, of smooth colors with noise; the model has random weights, which is no matter for either.
It is predicted in a process of its own, with mask and overlay.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch

from linknet_fastai.models.linknet import linknet
from linknet_fastai.runs.weights import MODEL_FILE, ModelCard, save_weights

TILE = 512


def write_image(path: Path, side: int):
    "Tile by tile, so that this process stays small."
    rng, across = np.random.default_rng(0), -(-side // TILE)
    def tiles():
        for _ in range(across * across): yield rng.integers(0, 256, (TILE, TILE, 3), dtype=np.uint8) // 8 + 100
    tifffile.imwrite(path, tiles(), shape=(side, side, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="rgb",
                     compression="zlib")


def write_run(folder: Path, classes: int):
    "The weights of an untrained model of crops, which is all that a predictor reads of a run."
    torch.manual_seed(0)
    palette = tuple(tuple(color) for color in np.random.default_rng(0).integers(0, 256, (classes, 3)).tolist())
    card = ModelCard("resnet18", "deconv", tuple(map(str, range(classes))), palette, (TILE, TILE), (0.5,) * 3,
                     (0.2,) * 3, "none", crops=True)
    save_weights(folder / MODEL_FILE, linknet(classes, "resnet18", "none"), card)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--predict", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.predict: return predict(given.predict)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_image(folder / "large.tif", given.side)
        write_run(folder, given.classes)
        subprocess.run([sys.executable, __file__, "--predict", folder], check=True)


def predict(folder: Path):
    from linknet_fastai.deploy.predictor import Predictor
    from linknet_fastai.workflows.predict import predict as predict_images
    started = time.perf_counter()
    predictor = Predictor(folder)
    written, = predict_images(predictor, [folder / "large.tif"], folder / "out")
    passed, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "").strip()
    print(f"{name}, {len(os.sched_getaffinity(0))} cores, {torch.get_num_threads()} threads: {written.size[0]}x"
          f"{written.size[1]}, {len(predictor.card.classes)} classes: {passed:.0f} s, peak memory {peak:.2f} GiB")


if __name__ == "__main__": main()
