"The files of an export, and the images among them by the names that annotations give."

import os
import re
from collections import Counter, defaultdict
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from ...errors import UserError
from ...images.paths import SUFFIXES
from ..files_inside import inside, read_lines, walk
from ..layouts import MASK_FOLDERS
from ..names import composed, with_slashes
from ..splits import split_of_folder

Parts = tuple[str, ...]


class ExportFiles:
    "All files below `root`; with `follow_links` also where links lead out of it."

    def __init__(self, root: Path, follow_links: bool = False):
        self.root, self.follow_links = root, follow_links
        self.paths = list(walk(root, follow_links))

    def ending(self, *suffixes: str) -> list[Path]:
        "Those whose lower-case names end so."
        return [self.allowed(path) for path in self.paths if path.name.lower().endswith(suffixes)]

    @cached_property
    def images(self) -> list[Path]:
        "Links among them are looked at when they are used: other folders have images, too."
        return [path for path in self.paths if path.name.lower().endswith(SUFFIXES)]

    @cached_property
    def _by_name(self) -> dict[str, dict[Parts, Path]]:
        "Images by their names, and by the parts of their paths below the root."
        found = defaultdict(dict)
        for path in self.images:
            parts = _parts(path.relative_to(self.root))
            found[parts[-1]][parts] = path
        return found

    @cached_property
    def _by_stem(self) -> dict[str, dict[Parts, Path]]:
        "As `_by_name`, by names without suffix, as CVAT has them of a film's frames; none that two images have."
        found, count = defaultdict(dict), Counter()
        for path in self.images:
            parts = _parts(path.relative_to(self.root).with_suffix(""))
            count[parts] += 1
            found[parts[-1]][parts] = path
        return {stem: {parts: path for parts, path in paths.items() if count[parts] == 1}
                for stem, paths in found.items()}

    def allowed(self, path: Path) -> Path:
        "`path`; `UserError` for a link that leads out of the folder."
        return inside(self.root, path, self.follow_links)

    def lines(self, path: Path) -> list[str]:
        "Those of a text file; errors as of `read_lines`."
        return read_lines(self.root, path, self.follow_links)

    def split_of(self, path: Path, image: str = "") -> str | None:
        """The split that the nearest folder of a file names, or a word in the name of a file of many images.

        One that annotates an `image` of its own name says with it what is seen, not a split.
        """
        folders = path.relative_to(self.root).parts[:-1]
        is_of_many = path.suffix.lower() not in SUFFIXES and path.stem != PurePosixPath(image).stem
        stems = re.split(r"[_\-. ]", path.stem) if is_of_many else []
        named = {split for split in map(split_of_folder, stems) if split}
        if len(named) == 1: return named.pop()  # several, as in train_val, name none
        return next(filter(None, map(split_of_folder, reversed(folders))), None)

    def image(self, name: str, source: Path) -> Path | None:
        """The image that the file `source` calls `name`; None where there is none.

        The name is a path relative to that file or to the root, or the end of one, or from another machine; with its
        suffix, or without. `UserError` for a path that leads out of the folder, and where several images are meant.
        """
        name, is_foreign = _plain(name)
        parts = _parts(PurePosixPath(name))
        if not parts: return None
        alike = self._by_name.get(parts[-1]) or self._by_stem.get(parts[-1], {})
        alike = {each: path for each, path in alike.items() if not set(each[:-1]) & set(MASK_FOLDERS)} or alike
        if not is_foreign:
            paths = [Path(os.path.normpath(base / name)) for base in (source.parent, self.root)]
            below = [_parts(path.relative_to(self.root)) for path in paths if path.is_relative_to(self.root)]
            if not below: raise UserError(f"{source}: its image {name} leads out of {self.root}; put it there, and "
                                          "correct the path.")
            for each in below:
                if each in alike: return alike[each]
        wanted = next(filter(None, map(split_of_folder, reversed(parts[:-1]))), self.split_of(source, name))
        found = {each: path for each, path in alike.items() if wanted is None or self.split_of(path) in (None, wanted)}
        for start in range(len(parts) if is_foreign else 1):  # the longest end that fits
            ending = [path for each, path in found.items() if each[-len(parts[start:]):] == parts[start:]]
            near = [path for path in ending if path.is_relative_to(source.parent)]
            if len(ending) > 1 and len(near) == 1: ending = near
            if len(ending) > 1: raise UserError(f"{source}: its image {name} may be {ending[0]} or {ending[1]}; give "
                                                "them different names.")
            if ending: return ending[0]
        return None


def _parts(path: PurePath) -> Parts:
    "The folders of a path and its name, composed."
    return tuple(map(composed, path.parts))


def _plain(name: str) -> tuple[str, bool]:
    "A path with slashes, and whether it is one of another machine: a URL, an upload, an absolute path."
    if "://" in name or name.startswith("/data/"):
        parts = urlsplit(name)
        return unquote(parse_qs(parts.query).get("d", [parts.path])[0]).lstrip("/"), True
    slashes = with_slashes(name)
    relative = re.sub(r"^([A-Za-z]:)?/+", "", slashes)
    return relative, relative != slashes
