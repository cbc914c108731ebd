"The one exception that users can cause."


class UserError(Exception):
    """One sentence: what is wrong, in which file, what to do. The command line prints it and exits with 2.

    fastai rewrites the `args` of what a callback raises; the sentence stays.
    """

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence
