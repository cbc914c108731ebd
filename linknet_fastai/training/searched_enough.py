"Searches for a learning rate that end too soon."

from fastai.callback.core import Callback

from ..errors import UserError


class SearchedEnough(Callback):
    """`UserError` where fastai's search for a learning rate in `num_it` steps ends before it can suggest one.

    It looks at what is left without the first tenth of the steps and the last 5, and finds slopes between 2.
    """

    order = 80  # after the search has put the weights back
    run_valid = False

    def __init__(self, num_it: int): self.num_it = num_it

    def after_fit(self):
        if self.train_iter >= min(self.num_it, self.num_it // 10 + 7): return
        files = ", ".join(map(str, self.dl.paths(self.iter)))
        raise UserError(f"{files}: the loss of these images is not finite, or far above the lowest, and ended the "
                        f"search for a learning rate after {self.train_iter} steps, too few to suggest one; check "
                        "these images, or pass a learning rate with `--lr`.")
