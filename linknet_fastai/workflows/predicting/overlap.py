"Work on many items while the next are read and the last are written: in order, and in bounded memory."

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
THREADS, MOST_WAITING = 2, 16  # items that are read, or written, ahead
WEIGHT = 1 << 26  # of all that wait: of images, pixels
WAIT = 0.1  # seconds between two looks at whether the other side of a queue is still there


def read_ahead(items: Iterable[Item], read: Callable[[Item], Any],
               weight: Callable[[Any], int]) -> Iterator[tuple[Item, Future]]:
    """Each item with what `read` gives for it, as a future that is done, in the order of `items`.

    Two threads read ahead; they stop while 16 items wait, or such as have 2^26 in `weight`.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[tuple[Item, Future]] = deque()
        rest = iter(items)
        try:
            while True:
                while _has_room([future for _, future in waiting], weight):
                    if (item := next(rest, None)) is None: break
                    waiting.append((item, pool.submit(read, item)))
                if not waiting: return
                item, future = waiting.popleft()
                future.exception()  # once it is done
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


def _has_room(waiting: list[Future], weight: Callable[[Any], int]) -> bool:
    "Whether another item may be begun; of those that aren't done the weight isn't known, so there are few."
    done = [future for future in waiting if future.done()]
    if len(waiting) - len(done) > THREADS or len(waiting) >= MOST_WAITING: return False
    return sum(weight(future.result()) for future in done if future.exception() is None) < WEIGHT


def _room(weight: int) -> int:
    "How many items of that weight may wait."
    return max(1, min(MOST_WAITING, WEIGHT // max(1, weight)))


def ahead(items: Iterable[Item], number: int) -> Iterator[Item]:
    """The items, in their order, made in a thread at most `number` ahead.

    What goes wrong in the thread is raised here, in the place of the item. Closing this ends the thread, and closes
    `items` where it is a generator, before it returns.
    """
    queue, is_closed = Queue(number), Event()
    thread = Thread(target=_fill, args=(queue, items, is_closed), daemon=True)
    thread.start()
    try:
        while (step := _taken(queue)) is not None:
            item, error = step
            if error is not None: raise error
            yield item
    finally:
        is_closed.set()
        thread.join()


def _taken(queue: Queue):
    while True:  # with a limit, so that Ctrl-C is heard
        try: return queue.get(timeout=WAIT)
        except Empty: continue


def _fill(queue: Queue, items: Iterable, is_closed: Event):
    iterator = iter(items)
    try:
        for item in iterator:
            if not _put(queue, (item, None), is_closed): return
        _put(queue, None, is_closed)
    except BaseException as error:  # also SystemExit: whoever takes the items decides
        _put(queue, (None, error), is_closed)
    finally:
        if hasattr(iterator, "close"): iterator.close()


def _put(queue: Queue, step, is_closed: Event) -> bool:
    "Whether somebody was there to take it."
    while not is_closed.is_set():
        try: queue.put(step, timeout=WAIT)
        except Full: continue
        return True
    return False
