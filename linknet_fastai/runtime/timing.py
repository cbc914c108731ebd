"How long work takes, on a machine that does other things, too."

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

WARM_UP = 2  # rounds that don't count


def median_milliseconds(works: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    "The median of so many rounds for each of `works`, which take turns, so that a slow moment is everybody's."
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(WARM_UP + rounds):
        for work, times in zip(works, seconds):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
    return [1000 * statistics.median(times[WARM_UP:]) for times in seconds]
