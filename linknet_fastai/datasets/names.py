"""Names in one form.

A letter with an accent may be one character or two, and some file systems take it apart; slashes may be backslashes.
"""

import unicodedata


def composed(text: str) -> str:
    "The text with each letter and its accent as one character (Unicode's NFC)."
    return unicodedata.normalize("NFC", text)


def look(text: str) -> str:
    "The text in small letters and composed: the same for two that look alike, or are one name to some file systems."
    return composed(text).casefold()


def as_posix(name: str) -> str:
    "A path with slashes, composed."
    return composed(with_slashes(name))


def with_slashes(name: str) -> str:
    "A path as it is written on any other system than Windows."
    return name.replace("\\", "/")


def spellings(name: str) -> list[str]:
    "The path itself, and all that a file system may make of it: accents in one character or two, slashes or not."
    paths = name, with_slashes(name)
    return [name, *(unicodedata.normalize(form, path) for path in paths for form in ("NFC", "NFD"))]
