"The one exception that users can cause."


class UserError(Exception):
    """One sentence: what is wrong, in which file, what to do. The command line prints it and exits with 2.

    It stays on one line whatever a file is named. fastai rewrites the `args` of what a callback raises; the sentence stays.
    """

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = printable(sentence)

    def __str__(self) -> str:
        return self.sentence


def printable(text: str) -> str:
    "Line breaks and other control characters, such as a file's name may hold, as Python writes them."
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
