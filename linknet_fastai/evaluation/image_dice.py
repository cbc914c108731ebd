"The mean over images of each image's own Dice: the score that the student report calls IoU."

import numpy as np
import torch
from torch import Tensor

from ..images.mask import VOID
from .confusion import confusion_matrices


class ImageDice:
    """Collects each image's mean Dice over the classes in its truth or prediction, with void as one class more.

    A model never predicts void, so void's Dice is 0 in each image that has some.
    """

    def __init__(self, num_classes: int): self.num_classes, self.values = num_classes, []

    def observe(self, classes: Tensor, mask: Tensor):
        "Add what is predicted of an image and its mask, both `[H,W]`."
        truth = torch.where(mask == VOID, self.num_classes, mask.long())
        confusion = confusion_matrices(classes[None], truth[None], self.num_classes + 1)[0].double()
        areas = confusion.sum(0) + confusion.sum(1)
        self.values.append((2 * confusion.diagonal()[areas > 0] / areas[areas > 0]).mean().item())

    @property
    def mean(self) -> float:
        "The mean over the images, from 0 to 1."
        return float(np.mean(self.values))
