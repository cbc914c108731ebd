"How fast an exported file predicts on this machine."

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..deploy.exported_predictor import graph_input
from ..deploy.exports.engines import open_engine
from ..runtime.timing import median_milliseconds

ROUNDS = 15


@dataclass(frozen=True)
class ExportedSpeed:
    """Milliseconds an image of `size` (height, width), one at a time, the median of 15.

    `engine` is the program that ran it, `precision` what it computed in, where that is not in 8-bit integers; `threads`
    are the processors that it was free to use.
    """

    engine: str
    precision: str
    size: tuple[int, int]
    threads: int
    milliseconds: float


def measure_exported(file: Path, precision: str | None = None) -> ExportedSpeed:
    "Time an exported `file` on noise of the size that it predicts at; `precision` and errors as for `open_engine`."
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # not on macOS
    engine = open_engine(file, threads, precision)
    noise = np.random.default_rng(0).integers(0, 256, (1, *engine.card.size, engine.card.channels), dtype=np.uint8)
    pixels = graph_input(noise, engine.card.input)
    milliseconds, = median_milliseconds([lambda: engine(pixels)], ROUNDS)
    return ExportedSpeed(engine.program, engine.precision, engine.card.size, threads, milliseconds)
