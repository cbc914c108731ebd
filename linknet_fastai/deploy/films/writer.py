"Frames as an H.264 film in an mp4 file, with the sound of another film (PyAV)."

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import Note
from ...extras import extra
from .frame import FilmFormat, Frame
from .sound import sound_track

if TYPE_CHECKING:
    import av

CODING = {"preset": "veryfast", "crf": "20"}  # the network needs the processor; at this quality masks keep their edges
BT709, LIMITED = 1, 1  # as libav numbers colors and their range


class FilmWriter:
    """A film that is being written; to be used as a context, and whole when that is left.

    Args:
        file: an mp4 file; what is in it is written over.
        format: of the frames. A side of an odd length is a pixel longer in the film, its last row or column doubled,
            since H.264 halves colors.
        sound: the streams of sound of the film that is read, whose packets `copy` takes.

    Errors of the disk are `OSError`.
    """

    def __init__(self, file: Path, format: FilmFormat, sound: list[av.AudioStream] = ()):
        self.av, self.format, self.sound = extra("av", "video"), format, {}
        self.file = open(file, "wb")  # Python's, whose errors say what is wrong with a disk
        try:
            self.container = self.av.open(self.file, "w", format="mp4")
            self.video = self._video()
            for stream in sound: self._add(stream)
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> FilmWriter: return self

    def __exit__(self, kind, *exception):
        with self.file:
            if kind is None: self._finish()
            # of a film that is dropped, whatever the disk says of its end
            else:
                with suppress(OSError, self.av.FFmpegError): self.container.close()

    def _finish(self):
        self.container.mux(self.video.encode(None))
        for sound in self.sound.values(): self._mux(sound.rest())
        self.container.close()

    def write(self, frame: Frame):
        "Frames in their order, of the format's size."
        height, width = frame.pixels.shape[:2]
        pixels = np.pad(frame.pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        coded = self.av.VideoFrame.from_ndarray(pixels, format="rgb24")
        coded = coded.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        coded.time_base = self.format.time_base
        coded.pts, coded.duration = (round(each / coded.time_base) for each in (frame.time, frame.duration))
        self.container.mux(self.video.encode(coded))

    def copy(self, packet: av.Packet):
        "A packet of one of the streams of sound."
        if sound := self.sound.get(packet.stream.index): self._mux(sound.packets(packet))

    def _video(self) -> av.VideoStream:
        height, width = (side + side % 2 for side in self.format.size)
        stream = self.container.add_stream("libx264", rate=self.format.rate, options=CODING, width=width, height=height)
        coder = stream.codec_context
        coder.time_base, coder.sample_aspect_ratio = self.format.time_base, self.format.pixel_aspect
        coder.colorspace = coder.color_primaries = coder.color_trc = BT709
        coder.color_range = LIMITED
        return stream

    def _add(self, stream: av.AudioStream):
        track = sound_track(self.container, stream)
        if track is not None: self.sound[stream.index] = track
        else: warnings.warn(Note(f"{stream.container.name}: its sound ({stream.codec_context.name}) can't be kept"),
                            stacklevel=2)

    def _mux(self, packets: list[av.Packet]):
        for packet in packets:
            # what is damaged in the sound, and noticed by the container only, is left out
            with suppress(self.av.error.InvalidDataError): self.container.mux(packet)
