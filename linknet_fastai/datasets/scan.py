"What the files of a dataset hold, read once and cached: sizes, contents, and the values of masks."

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs
from pydantic import TypeAdapter, ValidationError

from ..errors import UserError
from ..files import atomic_write, writable_folder
from ..images.opening import bands, decoding, is_banded, is_deep, open_upright, orientation, read_bands
from ..progress import Progress, silent
from .files_inside import inside
from .mask_file import ALPHA, BILEVEL, COLOR, GRAY_STEP, PALETTE, read_mask_file

FORMAT = 7  # of the cache: raise it whenever `FileScan` or the way it is read changes
MOST_VALUES = 1000  # of one mask that are kept, the commonest: masks of classes hold fewer


@dataclass(frozen=True)
class FileScan:
    """What one file holds, or, as `error`, the message that says why it can't be read.

    `kind` is how it was read, `image` or `mask`. Of an image, `content` is a hash, the same for equal images, and
    `uniform` says that all its pixels are equal; `lowest` and `highest` are the numbers of one with more than 8 bits,
    `channels` how many it has; `is_banded` is `opening.is_banded`.
    Of a mask, `storage` is the kind of its `MaskFile`, `values` are its
    pixels' values, each with its number of pixels, `palette` the 24-bit color in which each index among them is shown,
    or what isn't transparent, `hidden` that of pixels which can't be seen, `lossy` whether its compression changes
    pixels. `orientation` is EXIF's.
    """

    kind: str
    height: int = 0
    width: int = 0
    content: str = ""
    uniform: bool = False
    lowest: float | None = None
    highest: float | None = None
    is_short: bool = False  # whole numbers of 16 bits
    channels: int = 3
    is_banded: bool = False
    storage: str = ""
    values: Sequence[tuple[int, int]] = ()
    palette: Sequence[tuple[int, int]] = ()
    hidden: int | None = None
    lossy: bool = False
    orientation: int = 1
    error: str = ""

    @property
    def size(self) -> tuple[int, int]:
        "(height, width)."
        return self.height, self.width

    @property
    def is_gray(self) -> bool:
        "Whether all colors of a mask are grays, so that it may as well hold numbers."
        return self.storage != COLOR or all((value & 255) * GRAY_STEP == value for value, _ in self.values)

    @property
    def numbers(self) -> list[tuple[int, int]]:
        "A mask's values as numbers, each with its number of pixels; colors that are no grays stay 24-bit colors."
        gray = self.storage == COLOR and self.is_gray
        return [(value & 255 if gray else value, count) for value, count in self.values]

    @property
    def colors(self) -> list[tuple[int, int]]:
        "A mask's values as 24-bit colors, each with its number of pixels."
        palette, found = dict(self.palette), Counter()
        for value, count in self.values:
            color = value if self.storage == COLOR else value * GRAY_STEP
            found[palette[value] if self.storage in (PALETTE, BILEVEL) else color] += count
        return sorted(found.items())


def scan_files(root: Path | None, files: Iterable[tuple[Path, str]], progress: Progress = silent,
               allow: Callable[[Path], Path] | None = None) -> dict[Path, FileScan]:
    """What each file holds, by its path.

    Files of the same size and time as before are not read again.

    Args:
        root: the folder whose cache is used; None for files that lie anywhere.
        files: paths, each with its kind as in `FileScan`.
        progress: shows how far the reading of the others is.
        allow: called with each path, raises `UserError` for one that is not to be read; those outside `root` if not
            given.
    """
    allow, cache = allow or partial(inside, root), ScanCache(root)
    found, fresh, states = {}, [], {}
    for path, kind in files:
        states[path] = file_state(path)
        known = cache.get(path, kind, states[path])
        if known is None: fresh.append((path, kind))
        else: found[path] = known
    if fresh:
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            scans = pool.map(lambda file: scan_file(*file, allow), fresh)
            for (path, _), scan in zip(fresh, progress(scans, len(fresh))):
                found[path] = cache.put(path, states[path], scan)
        finally:  # also after Ctrl-C: what was read needn't be read again
            pool.shutdown(cancel_futures=True)
            cache.save()
    return found


def scan_file(path: Path, kind: str, allow: Callable[[Path], Path]) -> FileScan:
    "What one file holds, read anew; arguments as for `scan_files`."
    try:
        allow(path)
        return _scan_image(path) if kind == "image" else _scan_mask(path)
    except UserError as error: return FileScan(kind, error=error.message)


def _scan_image(path: Path) -> FileScan:
    banded = is_banded(path)
    pixels, channels, is_short = _bands(path) if banded else _pixels(path)
    deep = pixels.dtype != np.uint8
    if deep and not np.isfinite(pixels).all():
        raise UserError(f"{path}: holds pixels that are no finite numbers; replace them.")
    height, width = pixels.shape[:2]
    content = blake2b(np.ascontiguousarray(pixels), digest_size=16, salt=b"%dx%d" % (height, width)).hexdigest()
    return FileScan("image", height, width, content, bool((pixels == pixels[0, 0]).all()),
                    float(pixels.min()) if deep else None, float(pixels.max()) if deep else None,
                    is_short=is_short, channels=channels, is_banded=banded, orientation=orientation(path))


def _bands(path: Path) -> tuple[np.ndarray, int, bool]:
    "`[H,W,C]`, C, and whether the numbers are whole ones of 16 bits."
    pixels = read_bands(path)
    return pixels, pixels.shape[-1], pixels.dtype == np.uint16


def _pixels(path: Path) -> tuple[np.ndarray, int, bool]:
    "Gray `[H,W]` of more than 8 bits, or RGB `[H,W,3]`; how many channels the file has; whether they have 16 bits."
    image, _ = open_upright(path)
    if is_deep(image): return np.asarray(image), 1, image.mode.startswith("I;16")
    with decoding(path): return np.asarray(image.convert("RGB")), bands(image), False


def _scan_mask(path: Path) -> FileScan:
    file = read_mask_file(path)
    values = _counts(file.pixels, few=file.kind != COLOR)
    shown = [value for value, _ in values if value or file.kind != ALPHA] if file.palette is not None else []
    palette = [(value, int(file.palette[value])) for value in shown]
    tag = 1 if path.suffix.lower() == ".npy" else orientation(path)
    return FileScan("mask", *file.pixels.shape, storage=file.kind, values=values, palette=palette, hidden=file.hidden,
                    lossy=file.lossy, orientation=tag)


def _counts(pixels: np.ndarray, few: bool) -> list[tuple[int, int]]:
    if few: counts = pd.Series(np.bincount(pixels.ravel())).loc[lambda count: count > 0]
    else: counts = pd.Series(pixels.ravel()).value_counts()
    return [(int(value), int(count)) for value, count in counts.nlargest(MOST_VALUES).sort_index().items()]


@dataclass(frozen=True)
class ScanEntry:
    "A scan, and the state that its file had."

    state: list[int] | None
    scan: FileScan


class ScanCache:
    "The scans of the files below a folder, in the user's cache: each is valid while its file's size and times stay."

    def __init__(self, root: Path | None):
        self.root = root
        folder = platformdirs.user_cache_path("linknet-fastai") / "scan"
        self.file = folder / f"{blake2b(os.fsencode(str(root)), digest_size=8).hexdigest()}.json"
        self.entries = self._load()

    def _load(self) -> "dict[str, ScanEntry]":
        try: content = json.loads(self.file.read_text())
        except (OSError, ValueError, RecursionError): return {}  # none yet, or damaged: all is read again
        same = isinstance(content, dict) and content.get("format") == FORMAT and content.get("root") == str(self.root)
        if not same: return {}
        try: return TypeAdapter(dict[Any, ScanEntry]).validate_python(content.get("entries"))
        except ValidationError: return {}

    def get(self, path: Path, kind: str, state: list[int] | None) -> FileScan | None:
        "The scan of a file in this `file_state`; None where there is none."
        entry = self.entries.get(self._key(path, kind))
        return entry.scan if entry is not None and entry.state == state else None

    def put(self, path: Path, state: list[int] | None, scan: FileScan) -> FileScan:
        """Keep the scan of a file, and return it.

        `state` is its `file_state` before it was read: a file that was saved meanwhile is read again. One with an error
        is not kept, as a link or a permission may be mended without a trace on the file; nor one of a file that wasn't
        there before.
        """
        if state is not None and not scan.error: self.entries[self._key(path, scan.kind)] = ScanEntry(state, scan)
        return scan

    def save(self):
        "Write the cache; where that fails, the files are read again next time."
        try:
            writable_folder(self.file.parent)
            with atomic_write(self.file) as file:
                entries = {key: asdict(entry) for key, entry in self.entries.items()}
                file.write_text(json.dumps({"format": FORMAT, "root": str(self.root), "entries": entries}))
        except UserError: pass

    def _key(self, path: Path, kind: str) -> str:
        return f"{kind} {path}"


def file_state(path: Path) -> list[int] | None:
    """Size and times of a file; None where there is none.

    That of its last change (ctime) is set by the system alone, also where an edit keeps size and time of writing.
    """
    try: status = path.stat()
    except OSError: return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
