"The sound of one film in another: packet by packet where mp4 takes them, as AAC otherwise (PyAV)."

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ...extras import extra

if TYPE_CHECKING:
    import av

OF_MP4 = ("aac", "mp3", "mp3float", "ac3", "eac3", "opus", "libopus", "alac")  # decoders of what mp4 holds everywhere


class Sound(Protocol):
    "A stream of sound that is being written."

    def packets(self, packet: av.Packet) -> list[av.Packet]:
        "What to write for a packet that was read."

    def rest(self) -> list[av.Packet]:
        "What to write at the end."


def sound_track(container: av.container.OutputContainer, source: av.AudioStream) -> Sound | None:
    "The stream `source` in the film that is being written; None where it can neither be copied nor coded as AAC."
    if source.codec_context.name in OF_MP4: return Copied(container.add_stream_from_template(source, opaque=True))
    return Coded(container, source) if _aac_takes(source) else None


def _aac_takes(source: av.AudioStream) -> bool:
    av = extra("av", "video")
    trial = av.CodecContext.create("aac", "w")
    trial.sample_rate, trial.layout, trial.format = source.rate, _layout(source), "fltp"
    try: trial.open()
    except (av.FFmpegError, ValueError): return False
    return True


def _layout(source: av.AudioStream) -> str:
    "Which speaker each channel is for; plain PCM doesn't say."
    return {1: "mono", 2: "stereo"}.get(source.layout.nb_channels, source.layout.name)


class Copied:
    "Packets as they are."

    def __init__(self, stream: av.AudioStream): self.stream, self.last = stream, None

    def packets(self, packet: av.Packet) -> list[av.Packet]:
        # mp4 takes them in the order of their times only, which damaged films don't keep
        if self.last is not None and packet.dts <= self.last: return []
        self.last, packet.stream = packet.dts, self.stream
        return [packet]

    def rest(self) -> list[av.Packet]: return []


class Coded:
    "Packets decoded, and coded as AAC."

    def __init__(self, container: av.container.OutputContainer, source: av.AudioStream):
        self.av, self.source = extra("av", "video"), source
        self.stream = container.add_stream("aac", rate=source.rate, layout=_layout(source))

    def packets(self, packet: av.Packet) -> list[av.Packet]:
        # what is damaged is silent
        try: frames = self.source.decode(packet)
        except self.av.InvalidDataError: return []
        return [coded for frame in frames for coded in self.stream.encode(frame)]

    def rest(self) -> list[av.Packet]: return [*self.packets(None), *self.stream.encode(None)]
