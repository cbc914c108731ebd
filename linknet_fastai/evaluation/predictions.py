"The classes that a model predicts for a split: of whole images at once, or of large ones by tiles."

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..dataloaders.segmentation_dl import SegmentationDL
from ..images.tiling import Logits, blended_classes
from ..models.pixels import normalized
from ..runtime.device import images_at_once
from .confusion import confusion_matrices, resize_logits

Predictions = Iterable[tuple[Tensor, Tensor]]  # classes and masks, both [B,H,W]


def predictions(model: nn.Module, dl: SegmentationDL) -> Predictions:
    """Classes and masks `[B,H,W]` of `dl`, batch by batch in its order, at the masks' size.

    `model` takes images `[B,C,H,W]`, normalized, to logits. With `dl.tiling` a batch is one image, predicted by tiles.
    """
    return _by_tiles(model, dl) if dl.tiling else predictions_of(model, dl)


@torch.inference_mode()
def predictions_of(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Predictions:
    "As `predictions`, of any batches of images and masks."
    model.eval()
    for images, masks in batches:
        masks = masks.as_subclass(Tensor)
        yield resize_logits(model(images), tuple(masks.shape[-2:])).argmax(1), masks


def _by_tiles(model: nn.Module, dl: SegmentationDL) -> Iterator[tuple[Tensor, Tensor]]:
    for sample in dl.items:
        classes = tiled_classes(model, sample.image.permute(1, 2, 0).numpy(), dl)
        yield torch.from_numpy(classes)[None], sample.mask[None]


def tiled_classes(model: nn.Module, pixels: np.ndarray, dl: SegmentationDL) -> np.ndarray:
    "Classes uint8 `[H,W]` of pixels uint8 `[H,W,C]` like those of `dl`, by its tiles."
    logits_of = tile_logits(model, *dl.stats, dl.device)
    return blended_classes(pixels, dl.tiling, logits_of, len(dl.vocab), images_at_once(dl.device))


def tile_logits(model: nn.Module, mean: Sequence[float], std: Sequence[float], device: torch.device) -> Logits:
    "What `blend` takes, of a model of normalized images."
    model.eval()

    @torch.inference_mode()
    def logits_of(tiles: np.ndarray) -> np.ndarray:
        return model(normalized(tiles, mean, std, device)).float().cpu().numpy()
    return logits_of


def image_confusions(predicted: Predictions, num_classes: int,
                     observers: Sequence[Callable[[Tensor, Tensor], None]] = ()) -> np.ndarray:
    """Each image's confusion matrix, int64 `[N,C,C]` as `[true, predicted]`, in the order of `predicted`.

    `observers` are called with each image's classes and mask, both `[h,w]`, in the same order. Matrices stay on the
    device until the end.
    """
    matrices = []
    for classes, masks in predicted:
        matrices.append(confusion_matrices(classes, masks, num_classes))
        for observe in observers:
            for each in zip(classes, masks): observe(*each)
    return torch.cat(matrices).cpu().numpy()
