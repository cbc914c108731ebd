"MixUp and CutMix for masks: what fastai's do for one label an image."

import torch
from fastai.callback.core import Callback
from torch.distributions import Beta


class MixUp(Callback):
    """Each training batch is blended with itself in another order, and its loss is the same blend of the losses of both
    masks.

    arXiv 1710.09412, with one `lam` from Beta(`alpha`, `alpha`) a batch. fastai's `MixUp` blends the losses of images,
    and so can't take those of pixels.
    """

    order = -10  # before `FiniteLoss` looks at the loss
    run_valid = False

    def __init__(self, alpha: float = 0.4):
        self.alpha = alpha

    def before_batch(self):
        self.lam, order = sample_lam(self.alpha), torch.randperm(len(self.x), device="cpu").to(self.x.device)
        self.other = self.y[order]
        self.learn.xb = (torch.lerp(self.x[order], self.x, self.lam),)

    def after_loss(self):
        self.learn.loss_grad = self.lam * self.loss_grad + (1 - self.lam) * self.loss_func(self.pred, self.other)
        self.learn.loss = self.loss_grad.clone()


class CutMix(Callback):
    """A rectangle of each training image, and of its mask, is that of another image of the batch.

    arXiv 1905.04899: its area is 1 - `lam` of the image's, with `lam` from Beta(`alpha`, `alpha`), once a batch.
    fastai's `CutMix` leaves the masks as they are, and blends the losses of images.
    """

    run_valid = False

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def before_batch(self):
        order = torch.randperm(len(self.x), device="cpu").to(self.x.device)
        rows, columns = random_rectangle(*self.x.shape[-2:], sample_lam(self.alpha))
        images, masks = self.x.clone(), self.y.clone()
        for own, others in ((images, self.x[order]), (masks, self.y[order])):
            own[..., rows, columns] = others[..., rows, columns]
        self.learn.xb, self.learn.yb = (images,), (masks,)


def sample_lam(alpha: float) -> float:
    "How much of an image stays its own, 0 to 1."
    return Beta(alpha, alpha).sample().item()


def random_rectangle(height: int, width: int, lam: float) -> tuple[slice, slice]:
    "Rows and columns of a rectangle of 1 - `lam` of the area, around a random pixel; what lies outside is cut off."
    def span(length: int) -> slice:
        side, center = round(length * (1 - lam) ** 0.5), int(torch.randint(length, (1,)))
        return slice(max(0, center - side // 2), min(length, center - side // 2 + side))
    return span(height), span(width)

