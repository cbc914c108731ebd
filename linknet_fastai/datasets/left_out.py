"What image files hold beside three colors, and what is said of it: it is not trained on."

from collections import Counter
from pathlib import Path

from ..errors import UserError
from ..images import frame_count, image_mode

TRANSPARENT = ("RGBA", "LA", "PA")


def left_out(images: list[Path]) -> str:
    "A note about transparency, a fourth channel, and further pages or frames; empty where there are none."
    counts: Counter[str] = Counter()
    for path in images:
        try: mode, frames = image_mode(path), frame_count(path)
        except UserError: continue  # the check names it
        if mode in TRANSPARENT: counts["images have a channel of transparency, which is left out"] += 1
        if frames > 1: counts["images have several pages, of which the first is read"] += 1
    return "; ".join(f"{count} {what}" for what, count in counts.items())
