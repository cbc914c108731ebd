"What the files of a dataset hold, read once and cached: sizes, contents, and the values of masks."

import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs

from ..errors import UserError
from ..files import atomic_write, writable_folder
from ..images import read_image
from ..progress import Progress, silent
from .dataset import inside, mask_pixels

FORMAT = 2  # of the cache: raise it whenever `FileScan` or the way it is read changes
MOST_VALUES = 1000  # of one mask that are kept, the commonest: masks of classes hold fewer


@dataclass(frozen=True)
class FileScan:
    """What one file holds, or, as `error`, the message that says why it can't be read.

    `kind` is how it was read: `image`, or a mask's `indices` or `colors`. `content` is a hash, the same for equal
    images. `values` are the indices or 24-bit colors in a mask, each with its number of pixels.
    """

    kind: str
    height: int = 0
    width: int = 0
    content: str = ""
    values: Sequence[tuple[int, int]] = ()
    error: str = ""

    @property
    def size(self) -> tuple[int, int]:
        "(height, width)."
        return self.height, self.width


def scan_files(root: Path, files: Iterable[tuple[Path, str]], progress: Progress = silent) -> dict[Path, FileScan]:
    """What each file holds, by its path.

    `files` are paths below `root`, each with its kind as in `FileScan`. Files of the same size and time as before are
    not read again. `progress` shows how far the others are.
    """
    cache = ScanCache(root)
    found, fresh = {}, []
    for path, kind in files:
        known = cache.get(path, kind)
        if known is None: fresh.append((path, kind))
        else: found[path] = known
    if fresh:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            scans = pool.map(lambda file: scan_file(root, *file), fresh)
            for (path, _), scan in zip(fresh, progress(scans, len(fresh))): found[path] = cache.put(path, scan)
        cache.save()
    return found


def scan_file(root: Path, path: Path, kind: str) -> FileScan:
    "What one file holds, read anew; arguments as for `scan_files`."
    try:
        inside(root, path)
        if kind == "image":
            pixels = np.asarray(read_image(path))
            height, width, _ = pixels.shape
            content = blake2b(pixels, digest_size=16, salt=b"%dx%d" % (height, width)).hexdigest()
            return FileScan(kind, height, width, content)
        pixels = mask_pixels(path, in_color=kind == "colors")
        return FileScan(kind, *pixels.shape, values=_counts(pixels))
    except UserError as error: return FileScan(kind, error=error.message)


def _counts(pixels: np.ndarray) -> list[tuple[int, int]]:
    if pixels.dtype == np.uint8: counts = pd.Series(np.bincount(pixels.ravel())).loc[lambda count: count > 0]
    else: counts = pd.Series(pixels.ravel()).value_counts()[:MOST_VALUES].sort_index()
    return [(int(value), int(count)) for value, count in counts.items()]


class ScanCache:
    "The scans of the files below a folder, in the user's cache: each is valid while its file's size and time stay."

    def __init__(self, root: Path):
        self.root = root
        folder = platformdirs.user_cache_path("linknet-fastai") / "scan"
        self.file = folder / f"{blake2b(os.fsencode(root), digest_size=8).hexdigest()}.json"
        self.entries: dict[str, Any] = self._load()

    def _load(self) -> dict[str, Any]:
        try: content = json.loads(self.file.read_text())
        except (OSError, ValueError): return {}  # none yet, or damaged: all is read again
        same = isinstance(content, dict) and content.get("format") == FORMAT and content.get("root") == str(self.root)
        return content["entries"] if same else {}

    def get(self, path: Path, kind: str) -> FileScan | None:
        "The scan of a file as it is now; None where there is none."
        entry = self.entries.get(self._key(path, kind))
        return FileScan(**entry["scan"]) if entry is not None and entry["state"] == _state(path) else None

    def put(self, path: Path, scan: FileScan) -> FileScan:
        """Keep the scan of a file, and return it.

        One with an error is not kept: a link or a permission may be mended without a trace on the file.
        """
        if not scan.error: self.entries[self._key(path, scan.kind)] = {"state": _state(path), "scan": asdict(scan)}
        return scan

    def save(self):
        "Write the cache; where that fails, the files are read again next time."
        try:
            writable_folder(self.file.parent)
            with atomic_write(self.file) as file:
                file.write_text(json.dumps({"format": FORMAT, "root": str(self.root), "entries": self.entries}))
        except UserError: pass

    def _key(self, path: Path, kind: str) -> str:
        return f"{kind} {path.relative_to(self.root)}"


def _state(path: Path) -> list[int] | None:
    "Size and time of a file; None where there is none."
    try: status = path.stat()
    except OSError: return None
    return [status.st_size, status.st_mtime_ns]
