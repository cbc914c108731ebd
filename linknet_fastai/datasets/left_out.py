"What a dataset's image files hold beside what is trained on, and what is said of it."

from collections import Counter
from pathlib import Path

from ..errors import UserError, counted
from ..images.opening import bands, checked_tiff_header, header, is_banded, reading

TRANSPARENT = ("RGBA", "LA", "PA")
PADDED = ("RGBX",)  # a fourth channel, of no meaning that the file tells


def left_out(images: list[Path], channels: int = 3) -> str:
    """A note about what images hold beside the `channels` that are trained on; empty where there is nothing.

    That are transparency, a fourth channel, further pages or frames, and colors where one channel is wanted.
    """
    return describe_left_out(Counter(what for path in images for what in left_out_of(path, channels)))


def describe_left_out(counts: Counter[str]) -> str:
    "The note, by how many images each thing is true of."
    return "; ".join(f"{counted(count, 'image')} {what}" for what, count in counts.items())


def left_out_of(path: Path, channels: int) -> list[str]:
    "What is true of one image; nothing of one that can't be read."
    try: mode, found, frames = _mode_channels_frames(path)
    except UserError: return []  # the check names it
    facts = {"with a channel of transparency, which is left out": found != channels and mode in TRANSPARENT,
             "with a fourth channel, which is left out": found != channels and mode in PADDED,
             "in color, read as gray": channels == 1 and found >= 3 and mode,
             "of several pages, of which the first is read": frames > 1}
    return [what for what, is_so in facts.items() if is_so]


def _mode_channels_frames(path: Path) -> tuple[str, int, int]:
    "By one look at the header; Pillow's mode, empty where Pillow doesn't read the file."
    with reading(path):
        if is_banded(path):
            tiff = checked_tiff_header(path)
            return "", tiff.channels, tiff.pages
        with header(path) as image: return image.mode, bands(image), getattr(image, "n_frames", 1)
