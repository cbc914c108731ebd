"A film file, frame by frame, upright and in RGB, with the sound that lies between the frames (PyAV)."

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UserError, hxw
from ...extras import extra
from ...images.opening import reading
from .frame import FilmFormat, Frame, upright

if TYPE_CHECKING:
    import av

SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts")
# no playlists or lists of files, which would open others, or addresses
CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo"
HD = 720  # rows, from which on films that don't say which have the colors of television in HD
UNSPECIFIED = 2  # as a frame's color space
SHORTFALL = Fraction(1, 2)  # seconds by which a film may end before its header says
USUAL_RATE = Fraction(25)


class FilmReader:
    """A film to go through once, from its first frame to its last.

    Iterating gives each `Frame` in the order shown, and the packets of sound (`av.Packet`) in between. Times are those
    of the file; where its clock starts anywhere, as in MPEG streams, they count from its start. Whatever is damaged is
    left out, and `problem` tells of it afterwards. To be used as a context.

    `UserError` for what is no film, has no frames, or can't be decoded, and where PyAV isn't installed.
    """

    def __init__(self, file: Path):
        self.file, self.av = file, extra("av", "video")
        self.container = self._open()
        try:
            self.video, self.sound = self._streams()
            self.start = self._start()
            self.stated_end = self._stated_end()
            self.frames = self.bad_packets = self.bad_frames = 0
            self.is_broken, self.stop = False, ""
            self.time, self.end = None, Fraction(0)
            self.pixel_aspect = Fraction(self.video.sample_aspect_ratio or 1)
            self._items = self._all()
            self.head = self._head()
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> FilmReader: return self

    def __exit__(self, *exception): self.container.close()

    @property
    def format(self) -> FilmFormat:
        return FilmFormat(self.head[-1].pixels.shape[:2], self.video.time_base, self._rate(), self.pixel_aspect)

    @property
    def count(self) -> int:
        "About how many frames there are; 0 where the file doesn't say."
        if self.video.frames: return self.video.frames
        return max(0, round((self.stated_end - self.head[-1].time) * self._rate()))

    def __iter__(self) -> Iterator[Frame | av.Packet]:
        size = self.head[-1].pixels.shape[:2]
        yield from self.head
        for item in self._items:
            if isinstance(item, Frame) and item.pixels.shape[:2] != size:
                self.frames -= 1
                self.stop = f"{hxw(size)} pixels become {hxw(item.pixels.shape)}"
                return
            yield item

    @property
    def problem(self) -> str:
        "What couldn't be read, after iterating; empty for a whole film."
        at = f"after {self.frames} frames"
        if self.stop: return f"{self.stop} {at}"
        found = []
        if self.bad_packets: found.append(f"{self.bad_packets} of its parts can't be decoded")
        if self.bad_frames: found.append(f"{self.bad_frames} frames are damaged, and predicted as they are")
        if self.is_broken or self.stated_end - self.end > SHORTFALL:
            found.append(f"it ends {at}, at {float(self.end):.1f} s")
        return "; ".join(found)

    def _open(self) -> av.container.InputContainer:
        with reading(self.file, "a film"):
            # a whole path, since a name with a colon would be taken for an address
            try: return self.av.open(os.path.abspath(self.file), container_options={"format_whitelist": CONTAINERS})
            except self.av.FFmpegError as error: raise ValueError(error.strerror) from error

    def _streams(self) -> tuple[av.VideoStream, list[av.AudioStream]]:
        covers = self.av.stream.Disposition.attached_pic
        video = next((each for each in self.container.streams.video if not each.disposition & covers), None)
        if video is None: raise UserError(f"{self.file}: holds no film; name another file.")
        if video.codec_context is None: raise UserError(f"{self.file}: its film can't be decoded; convert it to H.264.")
        video.thread_type = "AUTO"
        return video, [each for each in self.container.streams.audio if each.codec_context is not None]

    def _start(self) -> Fraction:
        "When the first thing is shown or heard, of a clock that starts anywhere; 0 of others."
        if not self.container.format.flags & self.av.format.Flags.ts_discont.value: return Fraction(0)
        return min((each.start_time * each.time_base for each in (self.video, *self.sound)
                    if each.start_time is not None), default=Fraction(0))

    def _rate(self) -> Fraction:
        return Fraction(self.video.average_rate or self.video.guessed_rate or USUAL_RATE)

    def _stated_end(self) -> Fraction:
        "When the film ends by its header, in the reader's time; 0 where it doesn't say."
        if self.video.duration:
            return ((self.video.start_time or 0) + self.video.duration) * self.video.time_base - self.start
        if not self.container.duration: return Fraction(0)
        return Fraction((self.container.start_time or 0) + self.container.duration, self.av.time_base) - self.start

    def _head(self) -> list[Frame | av.Packet]:
        "All up to the first frame, by which the film's size is known."
        head = []
        for item in self._items:
            head.append(item)
            if isinstance(item, Frame): return head
        raise UserError(f"{self.file}: holds no frame that can be read; replace or remove it.")

    def _all(self) -> Iterator[Frame | av.Packet]:
        sound = {each.index for each in self.sound}
        try:
            for packet in self.container.demux():
                self._note(packet)
                if packet.stream.index == self.video.index: yield from self._decoded(packet)
                elif packet.stream.index in sound and packet.dts is not None: yield self._from_start(packet)
        except self.av.error.MemoryError: raise
        except self.av.FFmpegError:
            self.is_broken = True
            yield from self._decoded(None)

    def _note(self, packet: av.Packet):
        self.bad_packets += packet.is_corrupt
        if packet.pts is None: return
        self.end = max(self.end, (packet.pts + (packet.duration or 0)) * packet.time_base - self.start)

    def _decoded(self, packet: av.Packet | None) -> Iterator[Frame]:
        try: frames = self.video.decode(packet)
        except self.av.error.MemoryError: raise
        except self.av.FFmpegError:
            self.bad_packets += packet is None or not packet.is_corrupt  # each counts once
            return
        for frame in frames:
            self.frames += 1
            self.bad_frames += bool(frame.is_corrupt)
            yield self._frame(frame)

    def _from_start(self, packet: av.Packet) -> av.Packet:
        shift = round(self.start / packet.time_base)
        packet.dts -= shift
        if packet.pts is not None: packet.pts -= shift
        return packet

    def _frame(self, frame: av.VideoFrame) -> Frame:
        is_hd = frame.colorspace == UNSPECIFIED and frame.height >= HD
        pixels = frame.to_ndarray(format="rgb24", **({"src_colorspace": "ITU709"} if is_hd else {}))
        matrix = frame.side_data.get("DISPLAYMATRIX")  # `rotation` is 0 of what is mirrored upside down
        if matrix is not None: pixels = self._upright(pixels, matrix)
        self.time = self._time(frame)
        return Frame(pixels, self.time, (frame.duration or 0) * self.video.time_base)

    def _time(self, frame: av.VideoFrame) -> Fraction:
        "Later than that of the frame before, also where the file says otherwise or nothing."
        if frame.pts is None: return Fraction(0) if self.time is None else self.time + 1 / self._rate()
        time = frame.pts * self.video.time_base - self.start
        return time if self.time is None else max(time, self.time + self.video.time_base)

    def _upright(self, pixels: np.ndarray, matrix) -> np.ndarray:
        pixels, is_on_side = upright(pixels, np.frombuffer(matrix, np.int32).reshape(3, 3))
        if is_on_side and self.frames == 1: self.pixel_aspect = 1 / self.pixel_aspect
        return pixels
