"What a dataset's image files hold beside what is trained on, and what is said of it."

from collections import Counter
from pathlib import Path

from ..errors import UserError
from ..images import channel_count, frame_count, image_mode, is_banded

TRANSPARENT = ("RGBA", "LA", "PA")
PADDED = ("RGBX",)  # a fourth channel, of no meaning that the file tells


def left_out(images: list[Path], channels: int = 3) -> str:
    """A note about what images hold beside the `channels` that are trained on; empty where there is nothing.

    That are transparency, a fourth channel, further pages or frames, and colors where one channel is wanted.
    """
    counts: Counter[str] = Counter()
    for path in images:
        try: mode, found, frames = _mode(path), channel_count(path), frame_count(path)
        except UserError: continue  # the check names it
        if found != channels and mode in TRANSPARENT:
            counts["images have a channel of transparency, which is left out"] += 1
        if found != channels and mode in PADDED: counts["images have a fourth channel, which is left out"] += 1
        if channels == 1 and found >= 3 and mode: counts["images are in color, and read as gray"] += 1
        if frames > 1: counts["images have several pages, of which the first is read"] += 1
    return "; ".join(f"{count} {what}" for what, count in counts.items())


def _mode(path: Path) -> str:
    "Pillow's; empty where Pillow doesn't read the file."
    return "" if is_banded(path) else image_mode(path)
