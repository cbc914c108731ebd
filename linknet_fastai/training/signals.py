"Ctrl-C and a machine that is taken away: the first signal is noted, the second does what it always does."

import signal
import threading


class Signals:
    "`received` is the number of the signal that came since `with` began, or None. Python takes signals in its main thread only."

    def __init__(self): self.received: int | None = None

    def __enter__(self) -> "Signals":
        main = threading.current_thread() is threading.main_thread()
        self.usual = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)} if main else {}
        return self

    def __exit__(self, *exception):
        for number, handler in self.usual.items(): signal.signal(number, handler)

    def _note(self, number: int, frame):
        self.received = number
        self.__exit__()
