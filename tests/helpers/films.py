"Films that tests write and read, by PyAV alone."

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE, FRAMES, RATE = (48, 64), 12, 10
MATRICES = {  # of a track's header, for films that are shown turned clockwise
    90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0), "mirrored": (-1, 0, 0, 1),
    "upside down": (1, 0, 0, -1)}


def ramp(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    "RGB uint8 `[H,W,3]`: a gray that grows with the number, and a red square in the upper left."
    pixels = np.full((*size, 3), 20 + 15 * number, dtype=np.uint8)
    pixels[:size[0] // 3, :size[1] // 3] = (200, 30, 30)
    return pixels


def noise() -> list[np.ndarray]:
    "Frames that can't be compressed, so that each takes its part of the file."
    return list(np.random.default_rng(0).integers(0, 256, (FRAMES, *SIZE, 3), dtype=np.uint8))


def write_film(path: Path, frames=None, times=None, codec: str = "libx264", sound: str | None = None, tick=None,
               options=None, container=None, aspect=None, **coder) -> Path:
    """A film of `frames`, RGB, at `times` in seconds, and a tone of the same length where `sound` names its codec.

    `coder` are attributes of the video's codec; `options` its own; `container` the container's.
    """
    frames = [ramp(number) for number in range(FRAMES)] if frames is None else frames
    tick = Fraction(tick or Fraction(1, RATE))
    times = [Fraction(number, RATE) for number in range(len(frames))] if times is None else times
    with av.open(str(path), "w", options=container or {}) as film:
        rate = RATE if tick.denominator == RATE else round(1 / tick)
        video = film.add_stream(codec, rate=rate, options=options or {})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = coder.pop("pix_fmt", "yuv420p")
        video.codec_context.time_base = tick
        if aspect: video.codec_context.sample_aspect_ratio = aspect
        for name, value in coder.items(): setattr(video.codec_context, name, value)
        track = film.add_stream(sound, rate=48000) if sound else None
        for pixels, time in zip(frames, times):
            frame = _frame(pixels, video, coder)
            frame.pts, frame.time_base = round(time / tick), tick
            film.mux(video.encode(frame))
        film.mux(video.encode())
        if track: _write_tone(film, track, float(times[-1]) + 1 / RATE)
    return path


def _frame(pixels: np.ndarray, video, coder) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    space = {1: "ITU709", 9: "BT2020"}.get(coder.get("colorspace"), "ITU601")
    return frame.reformat(format=video.pix_fmt, dst_colorspace=space,
                          dst_color_range="JPEG" if coder.get("color_range") == 2 else "MPEG")


def _write_tone(film, track, seconds: float):
    samples = (0.3 * np.sin(np.arange(int(48000 * seconds)) / 20)).astype(np.float32)
    tone = av.AudioFrame.from_ndarray(np.stack([samples, samples]), format="fltp", layout="stereo")
    tone.sample_rate, tone.pts = 48000, 0
    film.mux(track.encode(tone))
    film.mux(track.encode())


def read_film(path: Path) -> tuple[list[np.ndarray], list[Fraction]]:
    "A film's frames, RGB as they are stored, and their times in seconds."
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
        return [frame.to_ndarray(format="rgb24") for frame in frames], [frame.pts * frame.time_base for frame in frames]


def read_sound(path: Path) -> list[tuple[Fraction, bytes]]:
    "The packets of a film's sound: when each is heard, and what it holds."
    with av.open(str(path)) as film:
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in film.demux(audio=0) if packet.size]


def turn(path: Path, turn) -> Path:
    "Say in an mp4's track header that it is shown turned."
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 4 + 5 * 4 + 2 * 4 + 4 * 2  # behind flags, times and numbers, reserved, layer
    a, b, c, d = (each << 16 for each in MATRICES[turn])
    content[place:place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def cut(path: Path, fraction: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * fraction)])
    return path
