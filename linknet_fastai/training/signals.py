"Ctrl-C and termination: the first signal is noted, the second does what it always does."

import signal
import threading


class Signals:
    """Notes a SIGINT or SIGTERM while it is entered: `received` is its number, or None.

    Python takes signals in its main thread only: in others nothing is noted.
    """

    def __init__(self): self.received: int | None = None

    def __enter__(self) -> "Signals":
        is_main = threading.current_thread() is threading.main_thread()
        noted = (signal.SIGINT, signal.SIGTERM) if is_main else ()
        self.usual = {number: signal.signal(number, self._note) for number in noted}
        return self

    def __exit__(self, *exception):
        for number, handler in self.usual.items(): signal.signal(number, handler)

    def _note(self, number: int, frame):
        self.received = number
        self.__exit__()
