"`classes.txt`: the names of the classes, their colors, and what is void."

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..images.mask import Color
from .files_inside import read_lines
from .mask_file import NUM_VALUES
from .names import composed

# three numbers, or #rrggbb
COLOR_LIKE = re.compile(r"\b\d{1,3}[ ,;]+\d{1,3}[ ,;]+\d{1,3}\b|#[0-9a-f]{6}\b", re.IGNORECASE)
HEADER = {"id", "index", "value", "name", "class", "label", "color", "r", "g", "b", "red", "green", "blue"}


@dataclass(frozen=True)
class NamedClass:
    "A class by its name, the number of its line (from 0, comments not counted), and its color, if it has one."

    name: str
    index: int
    color: Color | None


@dataclass(frozen=True)
class ClassFile:
    """What `classes.txt` says.

    A line is `NAME` or `NAME R G B`; `#` begins a comment, behind these as a word of its own. `void` alone makes the
    index of its line void; `void 255` or `void 0 0 0` makes values or colors void, several in one line or in several;
    `void NAME` a class.
    """

    path: Path
    classes: tuple[NamedClass, ...]
    lines: int  # that have an index
    void_indices: frozenset[int]
    void_numbers: tuple[tuple[int, ...], ...]  # of each line: values, or colors in groups of three
    void_class_colors: frozenset[Color]  # of classes that are void by name

    @property
    def void_values(self) -> frozenset[int]:
        "The values that are void, of masks of numbers."
        return self.void_indices | {number for line in self.void_numbers for number in line}

    @property
    def void_colors(self) -> frozenset[Color]:
        "The colors that are void, of masks of colors; `UserError` where numbers are no colors, or that of a class."
        for line in self.void_numbers:
            if len(line) % 3 or max(line) > 255:
                raise UserError(f"{self.path}: `void {' '.join(map(str, line))}` is no color, but the masks are in "
                                "color; write `void R G B`, of numbers from 0 to 255.")
        colors = (line[i:i + 3] for line in self.void_numbers for i in range(0, len(line), 3))
        void = self.void_class_colors.union(colors)
        for each in self.classes:
            if each.color in void:
                raise UserError(f"{self.path}: {each.name} and void have the same color, "
                                f"{' '.join(map(str, each.color))}; correct it.")
        return void


def read_class_file(root: Path, follow_links: bool = False) -> ClassFile | None:
    """`root/classes.txt`, or None where there is none; `UserError` where it can't be understood.

    With `follow_links` it may be a link that leads out of `root`.
    """
    path = root / "classes.txt"
    if not os.path.lexists(path): return None  # a link to nothing is refused as it is read
    named, void_indices, void_numbers, void_names, index = [], set(), [], set(), 0
    for line in read_lines(root, path, follow_links):
        words = line.split()
        if "#" in words[1:]: words = words[:words.index("#", 1)]
        if not words or words[0].startswith("#"): continue
        if words[0].lower() == "void" and len(words) > 1:
            if all(word.isdecimal() for word in words[1:]): void_numbers.append(_void_numbers(path, words[1:]))
            else: void_names.add(" ".join(words[1:]))
            continue
        if not index: _refuse_header(path, line)
        if words[0].lower() == "void": void_indices.add(index)
        else: named.append(NamedClass(*_parsed(path, words, index)))
        index += 1
    for name in void_names - {each.name for each in named}:
        raise UserError(f"{path}: says that {name!r} is void, but names no such class; correct it.")
    void_indices |= {each.index for each in named if each.name in void_names}
    void_colors = frozenset(each.color for each in named if each.name in void_names and each.color)
    classes = tuple(each for each in named if each.name not in void_names)
    _refuse_doubles(path, classes)
    return ClassFile(path, classes, index, frozenset(void_indices), tuple(void_numbers), void_colors)


def _refuse_header(path: Path, line: str):
    "`UserError` for a first line that names columns: it would be a class, and the others a line too far."
    words = re.findall(r"\w+", line.lower())
    if len(words) > 1 and HEADER.issuperset(words):
        raise UserError(f"{path}: begins with {line.strip()!r}, which names columns, not a class; remove this line, "
                        "and write `NAME` or `NAME R G B` in each.")


def _void_numbers(path: Path, words: list[str]) -> tuple[int, ...]:
    numbers = tuple(map(int, words))
    if max(numbers) >= NUM_VALUES:
        raise UserError(f"{path}: `void {' '.join(words)}` is no value of a mask; write numbers below {NUM_VALUES}, "
                        "or `void R G B`.")
    return numbers


def _parsed(path: Path, words: list[str], index: int) -> tuple[str, int, Color | None]:
    """A name, which may have spaces, and its color if the line ends in three numbers.

    `UserError` where there are three numbers elsewhere, or with commas: a color that isn't read would be a part of the
    name, and the class get another's.
    """
    numbers = [int(word) for word in words[-3:] if word.isdecimal() and int(word) < 256]
    if len(words) > 3 and len(numbers) == 3: return " ".join(words[:-3]), index, tuple(numbers)
    if COLOR_LIKE.search(line := " ".join(words)):
        raise UserError(f"{path}: the color in {line!r} can't be told from the name; write `NAME R G B`.")
    return line, index, None


def _refuse_doubles(path: Path, classes: tuple[NamedClass, ...]):
    names, colors = [each.name for each in classes], [each.color for each in classes if each.color]
    if not names: raise UserError(f"{path}: names no class; write one a line, or remove it to have the masks' values "
                                  "counted.")
    if len(set(map(composed, names))) < len(names):
        raise UserError(f"{path}: names a class twice; correct it.")
    if len(set(colors)) < len(colors): raise UserError(f"{path}: two classes have the same color; correct it.")
