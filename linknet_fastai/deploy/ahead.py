"Work in a thread of its own, a few items ahead of who takes them."

from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
WAIT = 0.1  # seconds between two looks at whether the other side is still there


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
