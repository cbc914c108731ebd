"A camera's newest frame, whenever one is asked for (PyAV)."

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from threading import Condition, Thread

import numpy as np

from ...errors import UserError
from ...extras import extra
from .frame import Frame

TICK = Fraction(1, 90_000)  # seconds, of a camera's times
PATIENCE = 2  # seconds
WAIT = 0.1  # seconds between two looks at whether somebody wants to end it
DEVICES = {"linux": ("/dev/video{}", "v4l2"), "darwin": ("{}", "avfoundation")}


def camera_pixels(number: int) -> Iterator[np.ndarray]:
    """A camera's frames, RGB uint8 `[H,W,3]`, as they come.

    `UserError` where there is no camera of this number, or it can't be read any more.
    """
    av = extra("av", "video")
    if sys.platform not in DEVICES: raise UserError("cameras are read on Linux and macOS; name a film.")
    name, format = (part.format(number) for part in DEVICES[sys.platform])
    try:
        with av.open(name, format=format) as container:
            for frame in container.decode(video=0): yield frame.to_ndarray(format="rgb24")
    except av.FFmpegError as error:
        raise UserError(f"camera {number}: {name} can't be read ({error.strerror}); check that it is connected, that "
                        "you may use it, and that no other program does.") from error


class Camera:
    """Frames as they come, of which only the newest is kept: those that come while the model works are dropped.

    `pixels` gives them, RGB uint8 `[H,W,3]`. Their times count from the first. When they end, `error` is what went
    wrong, or None. To be used as a context.
    """

    def __init__(self, pixels: Iterator[np.ndarray]):
        self.pixels, self.changed = pixels, Condition()
        self.newest: Frame | None = None
        self.error: BaseException | None = None
        self.is_over = False
        self.thread = Thread(target=self._read, daemon=True)

    def __enter__(self) -> Camera:
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.is_over = True
        self.thread.join(PATIENCE)  # and no longer: a camera that hangs is left to hang

    def frames(self, is_enough: Callable[[], bool] = lambda: False) -> Iterator[Frame]:
        "The newest frame each time, none twice, until it `is_enough` or the camera ends."
        while not is_enough():
            with self.changed:
                if self.newest is None and not self.is_over: self.changed.wait(WAIT)
                frame, self.newest = self.newest, None
            if frame is not None: yield frame
            elif self.is_over: return

    def _read(self):
        first = None
        try:
            with closing(self.pixels):
                for pixels in self.pixels:
                    now = time.monotonic()
                    first = now if first is None else first
                    self._keep(Frame(pixels, round(Fraction(now - first) / TICK) * TICK))
                    if self.is_over: return
        except BaseException as error: self.error = error  # for the thread that takes the frames
        finally:
            self.is_over = True
            with self.changed: self.changed.notify()

    def _keep(self, frame: Frame):
        with self.changed:
            self.newest = frame
            self.changed.notify()
