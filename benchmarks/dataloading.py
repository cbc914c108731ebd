"""What an epoch costs beside the model, and batches alone against fastai's `DataBlock`.

    python benchmarks/dataloading.py ../shared/camvid --frames 64 --rounds 3
"""

import argparse
import statistics
import time
from pathlib import Path

from fastai.callback.core import Callback
from fastai.torch_core import set_seed
from training import BATCH, few_frames, ours, plain_fastai


class ModelTime(Callback):
    "Seconds of forward, loss, backward and step in training, and of forward and loss in validation."

    order = 100

    def before_fit(self): self.seconds = 0.0

    def before_batch(self): self.started = time.perf_counter()

    def after_loss(self):
        if not self.training: self.seconds += time.perf_counter() - self.started

    def after_step(self): self.seconds += time.perf_counter() - self.started


def batches_alone(dls, frames: int) -> float:
    "Milliseconds a frame."
    started = time.perf_counter()
    for _ in dls.train: pass
    return 1000 * (time.perf_counter() - started) / frames


def fraction_beside_the_model(learn) -> float:
    "Of an epoch's time: loading, augmentation, scores."
    clock, started = ModelTime(), time.perf_counter()
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-4, cbs=clock)
    return 1 - clock.seconds / (time.perf_counter() - started)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--frames", type=int, default=64)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    set_seed(0)
    dataset = few_frames(given.data, given.frames)
    learners = {"plain": plain_fastai(dataset), "ours": ours(dataset, precision=None)}
    ratios = []
    for number in range(1, given.rounds + 1):
        alone = {name: batches_alone(learn.dls, given.frames // BATCH * BATCH) for name, learn in learners.items()}
        ratios.append(alone["plain"] / alone["ours"])
        print(f"round {number}  batches alone: plain {alone['plain']:.1f} ms a frame, ours {alone['ours']:.1f}")
    print(f"batches: {statistics.median(ratios):.1f} times as fast "
          f"(median of {', '.join(f'{ratio:.1f}' for ratio in ratios)})")
    fractions = [fraction_beside_the_model(learners["ours"]) for _ in range(given.rounds)]
    print(f"beside the model: {100 * statistics.median(fractions):.1f} % of our epoch "
          f"(median of {', '.join(f'{100 * fraction:.1f}' for fraction in fractions)})")


if __name__ == "__main__": main()
