"Files below a dataset's folder, and nowhere else."

from pathlib import Path

from ..errors import UserError


def inside(root: Path | None, path: Path) -> Path:
    "`path`; `UserError` where no file is there, or a link that leads out of `root`."
    if not path.is_file(): raise UserError(f"{path}: there is no such file; add it, or take its partner out.")
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{path}: is a link to a file outside {root}; put the file itself there.")
    return path


def read_lines(root: Path, path: Path) -> list[str]:
    "The lines of a text file below `root`, whatever ends them; `UserError` where it is no text."
    try: return inside(root, path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error: raise UserError(f"{path}: is no text ({error}); save it as UTF-8.") from error
