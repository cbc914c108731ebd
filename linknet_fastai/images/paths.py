"Which image files are meant by paths, folders, patterns and lists."

import glob
import itertools
import os
from pathlib import Path

from ..errors import UserError, counted

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".avif", ".ppm", ".pgm", ".pbm")
UNREAD = (".heic", ".heif", ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw")  # of phones and cameras
JUNK = ("__MACOSX", "Thumbs.db", "desktop.ini", "lost+found")


def is_junk(name: str) -> bool:
    "Whether a file or folder of this name is none of a user's: hidden, or left by an operating system or an editor."
    return name.startswith(".") or name in JUNK


def find_images(paths: list[Path], *without: Path) -> list[tuple[Path, Path]]:
    """The image files among `paths`, and in or below the folders among them, each with its path relative to that.

    A path that isn't there may be a pattern, such as `frames/*/left.png` or `frames/**/*.jpg`, of files and folders;
    files are then relative to where the pattern begins. What lies in folders `without`, below one of these, is left
    out: it was written there before. `UserError` for a path that isn't there, and for a folder without images.
    """
    found = []
    for path in paths:
        if path.is_dir(): found += _images_below(path, without)
        elif path.exists(): found.append((path, Path(path.name)))
        elif is_pattern(path): found += _images_like(path, without)
        else: raise UserError(f"{path}: there is no such file or folder; check the path.")
    return found


def _images_below(folder: Path, without: tuple[Path, ...]) -> list[tuple[Path, Path]]:
    files = _files_below(folder, without)
    if not files: raise UserError(f"{folder}: holds no images ({', '.join(SUFFIXES)}); name another folder.")
    return [(file, file.relative_to(folder)) for file in files]


def _files_below(folder: Path, without: tuple[Path, ...]) -> list[Path]:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
                   and not _is_junk_below(folder, file))
    return _not_within(without, folder, files)


def _is_junk_below(folder: Path, path: Path) -> bool:
    return any(map(is_junk, path.relative_to(folder).parts))


def not_looked_at(paths: list[Path], films: tuple[str, ...], *without: Path) -> str:
    """A note about what patterns match, or lies below folders, and isn't predicted, though somebody may mean it.

    That are folders behind links, folders that can't be read, films, whose names end in one of `films`, and images of
    formats that aren't read; empty where there are none. `without` is as for `find_images`.
    """
    links, unreadable, files = _walked(paths, without)
    def ending(suffixes): return [file for file in files if file.lower().endswith(suffixes)]
    kinds = {"folders behind links": links, "folders that can't be read": unreadable, "films in folders": ending(films)}
    parts = [f"{len(set(these))} {what}, such as {these[0]}" for what, these in kinds.items() if these]
    notes = [f"{' and '.join(parts)} are left out; name them to predict what they hold"] if parts else []
    if unread := ending(UNREAD):
        notes.append(f"{counted(len(set(unread)), 'file')} in formats that aren't read, such as {unread[0]}, left out; "
                     "convert to PNG or JPEG")
    return "; ".join(notes)


def _walked(paths: list[Path], without: tuple[Path, ...]) -> tuple[list[str], list[str], list[str]]:
    "Folders behind links, folders that can't be read, and files, in or below the folders and patterns among `paths`."
    links, unreadable, walked = [], [], set()
    matches = [match for path in paths if is_pattern(path) for match in _matched(path, without)[1]]
    written = {folder.resolve() for folder in without}
    matched, files = set(map(str, matches)), list(map(str, filter(Path.is_file, matches)))
    for path in filter(Path.is_dir, [*paths, *matches]):
        for folder, names, those in os.walk(path, onerror=lambda error: unreadable.append(error.filename)):
            if folder in walked or (folder != str(path) and Path(folder).resolve() in written):
                names.clear()
                continue
            walked.add(folder)
            names[:] = [name for name in names if not is_junk(name)]
            below = [os.path.join(folder, name) for name in names]
            links += [each for each in below if os.path.islink(each) and each not in matched]
            files += [os.path.join(folder, name) for name in those]
    return links, unreadable, [file for file in files if not is_junk(os.path.basename(file))]


def _not_within(without: tuple[Path, ...], folder: Path, found: list[Path]) -> list[Path]:
    "Of what was found in `folder` what isn't one of `without`, nor lies in one, where that lies below it."
    for out in (each.resolve() for each in without):
        if folder.resolve() in out.parents: found = [each for each in found if not each.resolve().is_relative_to(out)]
    return found


def _images_like(pattern: Path, without: tuple[Path, ...]) -> list[tuple[Path, Path]]:
    start, matches = _matched(pattern, without)
    files = [match for match in matches if match.suffix.lower() in SUFFIXES and match.is_file()]
    above = {folder for file in files for folder in file.parents}
    folders = [match for match in matches if match.is_dir() and match not in above]
    for folder in folders: files += _files_below(folder, without)
    found = [(file, file.relative_to(start)) for file in files]
    if not found: raise UserError(f"{pattern}: no image is called so; check the pattern.")
    return found


def _matched(pattern: Path, without: tuple[Path, ...]) -> tuple[Path, list[Path]]:
    "Where a pattern begins, and what it matches there, but junk and what lies in `without`."
    start = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    return start, _not_within(without, start, [each for each in matches_of(pattern) if not _is_junk_below(start, each)])


def is_pattern(path: Path) -> bool:
    "Whether a path that isn't there may be meant for several, as `frames/*.png`, which the shell left as it is."
    return glob.has_magic(str(path)) and not path.exists()


def matches_of(pattern: Path) -> list[Path]:
    "The files and folders that a pattern matches, in order."
    return [Path(match) for match in sorted(glob.glob(str(pattern), recursive=True))]


def listed_paths(file: Path) -> list[Path]:
    """The paths that a text file lists, one a line, from the folder that it lies in; `#` begins a remark.

    `UserError` where it can't be read, isn't a text file, or lists none.
    """
    try: text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error: raise UserError(f"{file}: can't be read ({error.strerror}); check the path.") from error
    if "\0" in text:
        raise UserError(f"{file}: isn't a text file, or not in UTF-8; write a path a line, or pass an image without "
                        "`--list`.")
    lines = filter(None, map(str.strip, text.splitlines()))
    paths = [file.parent / line for line in lines if not line.startswith("#")]
    if not paths: raise UserError(f"{file}: lists no images; write a path a line.")
    return paths
