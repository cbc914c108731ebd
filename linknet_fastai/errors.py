"Errors that a user can cause, and notes, each one message."

import shlex
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

MOST_CHOICES = 20  # in a message; of more only the nearest are named


class UserError(Exception):
    """What a user can cause, in one message: what is wrong, in which file, what to do.

    The command line prints it and exits with 2. It stays on one line whatever a file is named. fastai rewrites the
    `args` of what a callback raises; `message` stays.
    """

    def __init__(self, message: str):
        super().__init__(message)
        self.message = printable(message)

    def __str__(self) -> str:
        return self.message


class Interrupted(Exception):
    "The signal of this number ended the training, and all is saved: `resume` goes on from the run folder."

    def __init__(self, signal: int, run: Path):
        super().__init__(f"interrupted; {run} holds all that is needed to go on")
        self.signal, self.run = signal, run


class Note(UserWarning):
    "A warning for the user: one message, while the work goes on. The command line prints it as a line of its own."


def printable(text: str) -> str:
    "`text` with control characters, such as line breaks in a file's name, written as Python writes them."
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def hxw(size: tuple[int, ...]) -> str:
    "A size as messages, flags and tables have it: height x width."
    return f"{size[0]}x{size[1]}"


def counted(number: int, noun: str) -> str:
    "A number and its noun, with an s where it isn't one: 1 epoch, 2 epochs."
    return f"{number} {noun if number == 1 else f'{noun}s'}"


def as_word(path: str | Path) -> str:
    "`path` as a word of a command that is printed to be run: quoted where a shell needs it."
    return shlex.quote(printable(str(path)))


def check_choice(what: str, name: str, choices: Iterable[str]):
    """`UserError` where `name` is none of `choices`; the message lists them, if they are few, and the nearest.

    `what` says what the name is of, such as `dataset`.
    """
    choices = list(choices)
    if name in choices: return
    near = get_close_matches(str(name), choices, n=3)
    if len(choices) > MOST_CHOICES: hint = f"near it are {', '.join(near)}" if near else "no name is near it"
    else: hint = f"there are {', '.join(choices)}" + (f"; did you mean {near[0]}?" if near else "")
    raise UserError(f"{what} {name!r} is unknown; {hint.removesuffix('.')}{'' if hint.endswith('?') else '.'}")
