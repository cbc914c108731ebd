"What the files of a dataset hold, read once and cached."

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..files import NotWritten, user_cache, writable_folder, write_text
from ..progress import Progress, silent
from .file_scan import FileScan, scan_file

FORMAT = 8  # of the cache: raise it whenever `FileScan` or the way it is read changes


def scan_files(root: Path | None, files: Iterable[tuple[Path, str]], allow: Callable[[Path], Path],
               progress: Progress = silent) -> dict[Path, FileScan]:
    """What each file holds, by its path.

    Files of the same size and time as before are not read again.

    Args:
        root: the folder whose cache is used; None for files that lie anywhere.
        files: paths, each with its kind as in `FileScan`.
        allow: called with each path, raises `UserError` for one that is not to be read.
        progress: shows how far the reading of the others is.
    """
    cache, found, fresh, states = ScanCache(root), {}, [], {}
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


@dataclass(frozen=True)
class ScanEntry:
    "A scan, and the state that its file had."

    state: list[int] | None
    scan: FileScan


class ScanCache:
    "The scans of the files below a folder, in the user's cache: each is valid while its file's size and times stay."

    def __init__(self, root: Path | None):
        self.root = root
        self.file = user_cache("scan", f"{blake2b(os.fsencode(str(root)), digest_size=8).hexdigest()}.json")
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
            entries = {key: asdict(entry) for key, entry in self.entries.items()}
            write_text(self.file, json.dumps({"format": FORMAT, "root": str(self.root), "entries": entries}))
        except NotWritten: pass

    def _key(self, path: Path, kind: str) -> str:
        return f"{kind} {path}"


def file_state(path: Path) -> list[int] | None:
    """Size and times of a file; None where there is none.

    That of its last change (ctime) is set by the system alone, also where an edit keeps size and time of writing.
    """
    try: status = path.stat()
    except OSError: return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
