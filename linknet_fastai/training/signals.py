"Ctrl-C, termination, a terminal that goes: the first signal is noted, the second does what it always does."

import signal
import threading


class Signals:
    """Notes a SIGINT, SIGTERM or SIGHUP while it is entered: `received` is its number, or None.

    Those that are ignored stay so, as SIGHUP under nohup. Python takes signals in its main thread only: in others
    nothing is noted.
    """

    def __init__(self): self.received: int | None = None

    def __enter__(self) -> "Signals":
        is_main = threading.current_thread() is threading.main_thread()
        noted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if is_main else ()
        self.usual = {number: signal.signal(number, self._note) for number in noted
                      if signal.getsignal(number) != signal.SIG_IGN}
        return self

    def __exit__(self, *exception):
        for number, handler in self.usual.items(): signal.signal(number, handler)

    def _note(self, number: int, frame):
        self.received = number
        self.__exit__()
