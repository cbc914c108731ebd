"Work on many items while the next are read and the last are written: in order, and in bounded memory."

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
THREADS, MOST_WAITING = 2, 16  # items that are read, or written, ahead
WEIGHT = 1 << 26  # of all that wait: of images, pixels


def read_ahead(items: Iterable[Item], read: Callable[[Item], Any], weight: Callable[[Any], int],
               threads: int = THREADS, first: Callable[[], None] | None = None) -> Iterator[tuple[Item, Future]]:
    """Each item with what `read` gives for it, as a future that is done, in the order of `items`.

    As many are read ahead as have about 2^26 in `weight`, each as much as the last, at most 16. That is done by so many
    `threads`, each of which calls `first` when it begins.
    """
    with ThreadPoolExecutor(threads, initializer=first) as pool:
        waiting: deque[tuple[Item, Future]] = deque()
        rest, most = iter(items), threads
        try:
            while True:
                while len(waiting) < most and (item := next(rest, None)) is not None:
                    waiting.append((item, pool.submit(read, item)))
                if not waiting: return
                item, future = waiting.popleft()
                if future.exception() is None: most = _room(weight(future.result()))
                yield item, future
        finally: pool.shutdown(cancel_futures=True)


@contextmanager
def write_behind(weight: Callable[[Any], int]) -> Iterator[Callable]:
    """A function that has `work(item)` done by another thread, and gives the future of its result.

    It waits while about 2^26 in `weight` are being written, and raises what an earlier work raised. At the end all are
    done; after an error those that haven't begun are left out.
    """
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        def write(work: Callable[[Item], Any], item: Item) -> Future:
            while len(waiting) >= _room(weight(item)) or (waiting and waiting[0].done()): waiting.popleft().result()
            waiting.append(pool.submit(work, item))
            return waiting[-1]
        try:
            yield write
            for future in waiting: future.result()
        finally: pool.shutdown(cancel_futures=True)


def _room(weight: int) -> int:
    "How many items of that weight may wait."
    return max(1, min(MOST_WAITING, WEIGHT // max(1, weight)))
