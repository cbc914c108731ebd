"""Milliseconds an image: segmentation_models_pytorch's Linknet in eager mode, ours, and ours exported.

    python benchmarks/prediction.py --rounds 25

All have a ResNet-18 and 11 classes, and take one image of 360x480 at a time, with as many threads each. The peer takes
its 384x480, since it doesn't pad. They take turns, each in a process of its own: ours keeps freed memory, which would
help the peer. Beside the time that passes stands the processor time, which other programs on the machine change less;
with `--threads 1` it is the better of the two. What a processor without VNNI would take is measured with
`ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2` before the command. Weights are random, which is no matter for speed,
and int8 is calibrated on noise.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

SIZE, CLASSES = (360, 480), 11


def write_models(folder: Path):
    "`model.onnx`, `model.xml` and `int8.xml` of an untrained model."
    from linknet_fastai.deploy.exports.onnx_file import export_onnx, image_graph
    from linknet_fastai.deploy.exports.openvino_file import export_openvino
    card = model_card()
    export_onnx(image_graph(model(), card), card, folder / "model.onnx")
    export_openvino(folder / "model.onnx", card, folder / "model.xml")
    export_openvino(folder / "model.onnx", replace(card, int8=True), folder / "int8.xml", [noise() for _ in range(4)])


def model():
    import torch

    from linknet_fastai.models.linknet import linknet
    torch.manual_seed(0)
    return linknet(CLASSES, "resnet18", "none").eval()


def model_card():
    from timm.data import IMAGENET_DEFAULT_MEAN as MEAN
    from timm.data import IMAGENET_DEFAULT_STD as STD

    from linknet_fastai.deploy.exports.export_card import ExportCard
    return ExportCard("resnet18", "deconv", tuple(map(str, range(CLASSES))), ((0, 0, 0),) * CLASSES, SIZE, MEAN, STD,
                      "none")


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), dtype=np.uint8)


def peer(threads: int, folder: Path) -> Callable:
    import segmentation_models_pytorch as smp
    import torch
    torch.set_num_threads(threads)
    network = smp.Linknet("resnet18", encoder_weights=None, classes=CLASSES).eval()
    images = torch.randn(1, 3, 384, 480)
    return torch.inference_mode()(lambda: network(images))


def eager(precision: str) -> Callable:
    def prepared(threads: int, folder: Path) -> Callable:
        import torch

        from linknet_fastai.deploy.exports.onnx_file import image_graph
        from linknet_fastai.models.autocast import autocast_model
        from linknet_fastai.runtime.device import Machine
        torch.set_num_threads(threads)
        graph = image_graph(autocast_model(model(), Machine(torch.device("cpu"), precision)), model_card())
        pixels = torch.from_numpy(noise())
        return torch.inference_mode()(lambda: graph(pixels))
    return prepared


def exported(name: str, precision: str | None = None) -> Callable:
    def prepared(threads: int, folder: Path) -> Callable:
        from linknet_fastai.deploy.exports.engines import open_engine
        engine, pixels = open_engine(folder / name, threads, precision), noise()
        return lambda: engine(pixels)
    return prepared


def candidates() -> dict[str, Callable]:
    "By name, what takes a number of threads and the models' folder to a call that predicts one image."
    from linknet_fastai.deploy.exports.engines import has_bf16
    chosen = {"smp.Linknet, eager": peer, "ours, eager fp32": eager("fp32"), "ours, eager bf16": eager("bf16"),
              "ONNX fp32, onnxruntime": exported("model.onnx"), "OpenVINO fp32": exported("model.xml", "fp32"),
              "OpenVINO bf16": exported("model.xml", "bf16"), "OpenVINO int8": exported("int8.xml")}
    is_native = has_bf16() and "AVX2" not in os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    return {name: each for name, each in chosen.items() if is_native or "bf16" not in name}


def serve(name: str, threads: int, folder: Path):
    "An image for each line of standard input: seconds that passed, and of the processor."
    predict = candidates()[name](threads, folder)
    for _ in sys.stdin:
        started, busy = time.perf_counter(), time.process_time()
        predict()
        print(time.perf_counter() - started, time.process_time() - busy, flush=True)


def measure(rounds: int, threads: int, folder: Path) -> dict[str, np.ndarray]:
    "Seconds `[rounds,2]` of each, after a round that warms up."
    with ExitStack() as stack:
        processes = {name: stack.enter_context(subprocess.Popen(
            [sys.executable, __file__, "--serve", name, "--threads", str(threads), "--models", str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)) for name in candidates()}
        seconds: dict[str, list] = {name: [] for name in processes}
        for _ in range(rounds + 2):
            for name, process in processes.items():
                print(file=process.stdin, flush=True)
                seconds[name].append([float(number) for number in process.stdout.readline().split()])
        return {name: np.array(times[2:]) for name, times in seconds.items()}


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--serve")
    parser.add_argument("--models", type=Path)
    given = parser.parse_args()
    if given.serve: return serve(given.serve, given.threads, given.models)
    with tempfile.TemporaryDirectory() as folder:
        write_models(Path(folder))
        seconds = measure(given.rounds, given.threads, Path(folder))
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA", "all that it has")
    print(f"\n{processor()}, instructions: {isa}; {given.threads} threads, medians of {given.rounds} rounds\n\n"
          "| | ms | times as fast as the peer | in each round, the quartiles | ms of the processor | |\n"
          "|---|---|---|---|---|---|")
    first = next(iter(seconds.values()))
    for name, times in seconds.items():
        passed, busy = 1000 * np.median(times, axis=0)
        ratios = statistics.quantiles(first[:, 0] / times[:, 0], n=4)
        print(f"| {name} | {passed:.1f} | {ratios[1]:.2f} | {ratios[0]:.2f} to {ratios[2]:.2f} | {busy:.1f} | "
              f"{np.median(first[:, 1]) / np.median(times[:, 1]):.2f} |")


if __name__ == "__main__": main()
