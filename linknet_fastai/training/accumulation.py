"Steps on batches that are computed in parts."

from fastai.callback.training import GradientAccumulation


class EpochAccumulation(GradientAccumulation):
    """fastai's, but no gradients wait from one epoch for the next, where a checkpoint wouldn't have them.

    Some are left where a part had no finite loss, and so no gradients.
    """

    def before_train(self):
        self.count = 0
        self.opt.zero_grad()
