"What users can cause, and what they are told."

from pathlib import Path


class UserError(Exception):
    """One sentence: what is wrong, in which file, what to do. The command line prints it and exits with 2.

    It stays on one line whatever a file is named. fastai rewrites the `args` of what a callback raises; the sentence stays.
    """

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = printable(sentence)

    def __str__(self) -> str:
        return self.sentence


class Interrupted(Exception):
    "A signal ended the training, and all is saved: it goes on from the run folder."

    def __init__(self, signal: int, run: Path):
        super().__init__(f"interrupted; {run} holds all that is needed to go on")
        self.signal, self.run = signal, run


class Note(UserWarning):
    "What a user should know, in one sentence, while the work goes on."


def printable(text: str) -> str:
    "Line breaks and other control characters, such as a file's name may hold, as Python writes them."
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
