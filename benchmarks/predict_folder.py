"""A folder of images through `predict`, beside the network's own time for them, and beside one image after the other.

    python benchmarks/predict_folder.py ../shared/camvid/val --images 1000

All take turns in chunks of 50 images, so that a machine that is busy for a while is busy for each. The network's own
time is that of `predict_batch` on pixels that are decoded already, masks at the images' size included. Weights are
random, which is no matter for speed, but masks are: those of noise compress worse than those of a trained model, so a
run may be given with `--run`. Peak memory is the process's, after a tenth of the images and after all.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import torch
from PIL import Image

from linknet_fastai.deploy.output import FORMATS, Predicted
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.images.format import displayed
from linknet_fastai.images.paths import find_images
from linknet_fastai.models.linknet import linknet
from linknet_fastai.runs.weights import MODEL_FILE, ModelCard, save_weights
from linknet_fastai.workflows.predict import PredictOptions, predict

CHUNK, CLASSES, SIZE = 50, 11, (360, 480)


def untrained_run(folder: Path) -> Path:
    torch.manual_seed(0)
    card = ModelCard("resnet18", "deconv", tuple(map(str, range(CLASSES))), ((90, 90, 90),) * CLASSES, SIZE,
                     (0.5,) * 3, (0.2,) * 3, "none")
    save_weights(folder / MODEL_FILE, linknet(CLASSES, "resnet18", "none"), card)
    return folder


def network_alone(predictor: Predictor, images: list[Path], out: Path):
    "Its seconds, without reading and writing."
    pixels = [predictor.read(image) for image in images]
    return timed(lambda: [predictor.predict(each) for each in pixels])


def one_after_the_other(predictor: Predictor, images: list[Path], out: Path):
    "As it was before: read, predict, write the mask and an overlay at Pillow's usual level, and only then the next."
    def work():
        for image in images:
            pixels = predictor.read(image)
            of = Predicted(image, Path(image.name), pixels, predictor.predict(pixels), predictor.card)
            FORMATS["masks"].write(of, out / f"{image.stem}.png")
            colors = Image.fromarray(of.mask).convert("RGB")
            Image.blend(Image.fromarray(displayed(pixels)), colors, 0.5).save(out / f"{image.stem}_overlay.png")
    return timed(work)


def with_overlays(kind: str) -> Callable:
    "`predict` with overlays of that kind."
    def work(predictor: Predictor, images: list[Path], out: Path):
        return timed(lambda: predict(predictor, images, out, PredictOptions(overlays=kind)))
    return work


def timed(work: Callable) -> tuple[float, float]:
    "Seconds that pass, and those of the processor."
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


WORKS = {"the network alone": network_alone, "one after the other": one_after_the_other,
         **{f"predict, overlays {kind}": with_overlays(kind) for kind in ("png", "jpeg", "none")}}


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--run", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        predictor = Predictor(given.run or untrained_run(folder))
        found = islice(cycle(path for path, _ in find_images([given.folder.resolve()], folder)), given.images)
        images = [folder / "images" / f"{number:05}{path.suffix}" for number, path in enumerate(found)]
        (folder / "images").mkdir()
        sources = cycle(path for path, _ in find_images([given.folder.resolve()], folder))
        for link, source in zip(images, sources): link.symlink_to(source)
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in WORKS}
        memory = 0.0
        for name in WORKS: (folder / name).mkdir()
        WORKS["the network alone"](predictor, images[:5], folder)  # warms up
        for start in range(0, len(images), CHUNK):
            for name, work in WORKS.items():
                seconds[name].append(work(predictor, images[start:start + CHUNK], folder / name))
            if start <= len(images) // 10: memory = peak_memory()
    report(seconds, len(images), memory)


def report(seconds: dict[str, list[tuple[float, float]]], images: int, memory: float):
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "").strip()
    print(f"\n{name}, {len(os.sched_getaffinity(0))} cores, {torch.get_num_threads()} threads, {images} images; peak "
          f"memory {memory:.2f} GiB after a tenth, {peak_memory():.2f} after all\n\n"
          "| | ms an image | times the network alone, median of chunks | ms of the processor |\n|---|---|---|---|")
    own = [passed for passed, _ in seconds["the network alone"]]
    for name, times in seconds.items():
        passed, busy = (1000 * sum(column) / images for column in zip(*times))
        ratio = statistics.median(each / alone for (each, _), alone in zip(times, own))
        print(f"| {name} | {passed:.1f} | {ratio:.2f} | {busy:.1f} |")


if __name__ == "__main__": main()
