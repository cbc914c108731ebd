"Annotations as mask files, in the user's cache, drawn once."

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from PIL import Image

from ...errors import UserError
from ...files import atomic_folder, user_cache
from ...progress import Progress, silent
from ..scan import file_state
from .rasterize import rasterize
from .shapes import AnnotatedImage, Annotations

FORMAT = 2  # of what is drawn: raise it whenever the same annotations give other masks


@dataclass(frozen=True)
class Drawn:
    "The folder of the masks, and (image, mask) files in the order of the annotations' images."

    folder: Path
    samples: list[tuple[Path, Path]]


def draw_masks(annotations: Annotations, key: str, progress: Progress = silent) -> Drawn:
    """Masks of class indices, and images that only an annotation file holds, in a folder of the user's cache.

    Args:
        annotations: what is drawn.
        key: `drawing_key` of all files that it was read from: where that is another, the masks are drawn anew.
        progress: shows how far the drawing is.

    Raises `UserError` for a bitmap that is damaged, and where the cache can't be written.
    """
    folder = user_cache("masks", key)
    if not folder.is_dir():
        try:
            with atomic_folder(folder, first_wins=True) as fresh: _draw(fresh, annotations, progress)
        except OSError as error:
            raise UserError(f"{folder}: the masks of {annotations.root} can't be kept there ({error.strerror}); set "
                            "XDG_CACHE_HOME to a folder that can be written to.") from error
    return Drawn(folder, [_sample(folder, annotations.root, image) for image in annotations.images])


def drawing_key(root: Path, files: Iterable[Path]) -> str:
    "Another for other files, by their names, sizes and times; links to nothing may be among them."
    states = [f"{FORMAT} {root}", *(f"{path.relative_to(root).as_posix()} {file_state(path)}" for path in files)]
    return blake2b("\n".join(states).encode(errors="surrogateescape"), digest_size=16).hexdigest()


def _sample(folder: Path, root: Path, annotated: AnnotatedImage) -> tuple[Path, Path]:
    name = annotated.image.relative_to(root)
    image = annotated.image if annotated.content is None else folder / "images" / name
    return image, folder / "masks" / name.with_name(f"{name.name}.png")


def _draw(folder: Path, annotations: Annotations, progress: Progress):
    def draw(annotated: AnnotatedImage):
        image, mask = _sample(folder, annotations.root, annotated)
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rasterize(annotated, annotations.classes)).save(mask)
        if annotated.content is None: return
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(annotated.content())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in progress(pool.map(draw, annotations.images), len(annotations.images)): pass
