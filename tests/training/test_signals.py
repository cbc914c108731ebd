"The first signal is noted, the second does what it always does."

import os
import signal
import threading

import pytest

from linknet_fastai.training.signals import Signals


def test_one_is_noted_and_a_second_interrupts():
    with pytest.raises(KeyboardInterrupt), Signals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.received == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)


def test_afterwards_all_is_as_it_was():
    before = signal.getsignal(signal.SIGTERM)
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_trains_without():
    "Python takes signals in its main thread only."
    def enter():
        with Signals() as signals: seen.append(signals.received)
    seen = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [None]
