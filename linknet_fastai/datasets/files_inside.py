"Files below a dataset's folder, and nowhere else."

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import UserError
from ..images.paths import is_junk


def inside(root: Path | None, path: Path, follow_links: bool = False, drawn: Path | None = None) -> Path:
    """`path`; `UserError` where no file is there, or a link that leads out of `root`.

    Without a `root`, and with `follow_links`, links may lead anywhere; and what lies below `drawn`, the folder of files
    that this package made, needn't lie below `root`.
    """
    if not path.is_file(): raise UserError(f"{path}: there is no such file; add it, or take its partner out.")
    if root is None or follow_links or (drawn is not None and path.is_relative_to(drawn)): return path
    if not path.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{path}: is a link to a file outside {root}; put the file itself there.")
    return path


def read_lines(root: Path, path: Path, follow_links: bool = False) -> list[str]:
    "The lines of a text file as `inside` allows it, whatever ends them; `UserError` where it is no text."
    try: return inside(root, path, follow_links).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error: raise UserError(f"{path}: is no text ({error}); save it as UTF-8.") from error


def walk(root: Path, follow_links: bool = False) -> Iterator[Path]:
    """The files below `root` that are no junk of operating systems and editors, in order.

    Linked folders are followed where they lead to a place below `root`. `UserError` for one that leads elsewhere, but
    with `follow_links`.
    """
    seen, real_root = {root.resolve()}, root.resolve()
    for folder, names, files in os.walk(root, onerror=_refuse_unreadable, followlinks=True):
        names[:] = sorted(name for name in names if not is_junk(name))
        for name in list(names):
            path = Path(folder, name)
            if not path.is_symlink(): continue
            target = path.resolve()
            if not target.is_relative_to(real_root) and not follow_links:
                raise UserError(f"{path}: is a link to a folder outside {root}; put the files there, or allow it with "
                                "`--follow-links`.")
            if target in seen: names.remove(name)
            seen.add(target)
        for name in sorted(files):
            if not is_junk(name): yield Path(folder, name)


def _refuse_unreadable(error: OSError):
    raise UserError(f"{error.filename}: can't be read ({error.strerror}); allow it, or take the folder out.") from error
