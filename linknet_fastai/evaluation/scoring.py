"A model's scores on the batches of a split, under their protocol."

from dataclasses import dataclass

import numpy as np
from torch import nn

from ..dataloaders.segmentation_dl import SegmentationDL
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError, check_choice, hxw
from ..images.tiling import TileOptions
from .boundary import Trimap
from .cityscapes import InstanceIoU, cityscapes_scores
from .predictions import Predictions, image_confusions, predictions
from .result import Result, miou_interval
from .scores import Scores
from .tta import MeanOfViews
from .views import VIEWS

WIDEST_BAND = 1000  # pixels


@dataclass(frozen=True)
class ScoringOptions:
    """How a split is scored, beside the usual scores.

    `tta` predicts from several views of each image (`views.VIEWS`). With `boundary` the pixels within so many pixels of
    another class are scored, too. `tiles` are those to predict images by at their own resolution; else it is done as in
    training. `UserError` for anything else.
    """

    tta: str | None = None
    boundary: int | None = None
    tiles: TileOptions = TileOptions()

    def __post_init__(self):
        if self.tta is not None: check_choice("test-time augmentation", self.tta, VIEWS)
        if self.boundary is not None and not 1 <= self.boundary <= WIDEST_BAND:
            raise UserError(f"a band of {self.boundary} pixels is none; pass 1 to {WIDEST_BAND} with `--boundary`.")


def score(model: nn.Module, dl: SegmentationDL, dataset: SegmentationDataset, protocol: dict,
          options: ScoringOptions = ScoringOptions()) -> tuple[Result, np.ndarray]:
    """The model's scores on `dl`, and each image's confusion matrix, int64 `[N,C,C]`, in its order.

    Args:
        model: images `[B,3,H,W]` to logits `[B,C,H,W]`.
        dl: the batches of one split, in its own order, not augmented.
        dataset: what the split is of.
        protocol: what `protocol_of` says of `dl`; the options are added.
        options: more to score, and how to predict.
    """
    return score_predictions(predictions(MeanOfViews(model, options.tta) if options.tta else model, dl), dl, dataset,
                             protocol, options)


def score_predictions(predicted: Predictions, dl: SegmentationDL, dataset: SegmentationDataset, protocol: dict,
                      options: ScoringOptions) -> tuple[Result, np.ndarray]:
    "As `score`, of what was `predicted` for the images of `dl`, in its order, as the options say."
    instances = InstanceIoU(dataset, dl.items) if dataset.cityscapes else None
    boundary = Trimap(options.boundary, len(dataset.classes)) if options.boundary else None
    observers = [each.observe for each in (instances, boundary) if each]
    matrices = image_confusions(predicted, len(dataset.classes), observers)
    scores = Scores(matrices.sum(0), dataset.classes)
    chosen = {name: value for name in ("tta", "boundary") if (value := getattr(options, name)) is not None}
    result = Result(scores, protocol | chosen, miou_interval(matrices, dataset.classes),
                    instances and cityscapes_scores(scores.confusion, instances, dataset),
                    boundary and Scores(boundary.confusion.cpu().numpy(), dataset.classes))
    return result, matrices


def protocol_of(dataset: SegmentationDataset, split: str, dl: SegmentationDL, trained_on: str) -> dict:
    """What a score is taken on, without which it can't be compared.

    Args:
        dataset: names the protocol and its classes.
        split: `train`, `val`, `test`, or `all`.
        dl: the split's batches, for the number of images and the resolution of their masks.
        trained_on: what the model was trained on: `Run.trained_on`.
    """
    sizes = sorted({hxw(sample.mask.shape) for sample in dl.items})
    resolution = sizes[0] if len(sizes) == 1 else f"{len(sizes)} sizes"
    protocol = {"name": dataset.protocol, "classes": len(dataset.classes), "split": split, "images": len(dl.items),
                "resolution": resolution, "void": "ignored", "trained_on": trained_on}
    if dl.image_size and hxw(dl.image_size) != resolution: protocol["predicted_at"] = hxw(dl.image_size)
    if dl.tiling: protocol["tiles"] = str(dl.tiling)
    return protocol
