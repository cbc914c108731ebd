"A trained network at work: any picture to a mask of its own size."

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ..errors import UserError
from ..networks.precision import Machine, prepare
from ..pictures import find_pictures, read_image
from ..runs.files import writable_folder, written_whole
from ..runs.run import Run

OVERLAY = 0.5  # the mask's share


class Predictor:
    "The best epoch of a run folder. Calling it takes a picture or its path to classes, uint8 `[H,W]`."

    def __init__(self, run: str | Path, machine: Machine | None = None):
        self.machine = machine or Machine.choose()
        model, self.card = Run.open(run).load_model()
        self.model = prepare(model, self.machine)

    @torch.inference_mode()
    def __call__(self, picture: Image.Image | str | Path) -> np.ndarray:
        image = picture.convert("RGB") if isinstance(picture, Image.Image) else read_image(picture)
        logits = self.model(self._normalised(image))
        logits = F.interpolate(logits, (image.height, image.width), mode="bilinear", align_corners=False)
        return logits[0].argmax(0).to(torch.uint8).cpu().numpy()

    def _normalised(self, image: Image.Image) -> torch.Tensor:
        image = image.resize(self._working_size(image), Image.Resampling.BILINEAR)
        pixels = torch.tensor(np.asarray(image), device=self.machine.device).permute(2, 0, 1)[None] / 255
        mean, std = (torch.tensor(v, device=pixels.device)[:, None, None] for v in (self.card.mean, self.card.std))
        return (pixels - mean) / std

    def _working_size(self, image: Image.Image) -> tuple[int, int]:
        "(width, height) of the picture's own shape, with as many pixels as the network was trained at."
        height, width = self.card.size
        zoom = (height * width / (image.height * image.width)) ** 0.5
        return max(1, round(image.width * zoom)), max(1, round(image.height * zoom))


def save_mask(mask: np.ndarray, palette, path: Path):
    "A PNG of class indices in the data set's colours."
    picture = Image.fromarray(mask).convert("P")
    picture.putpalette([channel for colour in palette for channel in colour])
    with written_whole(path) as file: picture.save(file, format="PNG")


def save_overlay(picture: Path, mask: np.ndarray, palette, path: Path):
    "The picture with the mask's colours laid over it."
    colours = Image.fromarray(np.array(palette, dtype=np.uint8)[mask])
    with written_whole(path) as file: Image.blend(read_image(picture), colours, OVERLAY).save(file, format="PNG")


def predict_files(predictor: Predictor, paths: list[Path], out: Path) -> list[Path]:
    """A mask `NAME.png` and a `NAME_overlay.png` below `out` for each picture; the masks' paths.

    All that can be read are done; `UserError` then names the first that can't.
    """
    written, failed = [], []
    for picture, target, overlay in _targets(paths, out):
        try: mask = predictor(picture)
        except UserError as error:
            failed.append(error)
            continue
        writable_folder(target.parent)
        save_mask(mask, predictor.card.palette, target)
        save_overlay(picture, mask, predictor.card.palette, overlay)
        written.append(target)
    if failed: raise failed[0]
    return written


def _targets(paths: list[Path], out: Path) -> list[tuple[Path, Path, Path]]:
    "(picture, mask, overlay) for each picture; `UserError` where a file to write is another's, or a picture itself."
    found = find_pictures(paths)
    taken = {picture.resolve(): picture for picture, _ in found}
    targets = []
    for picture, relative in found:
        mask = out / relative.with_suffix(".png")
        overlay = mask.with_name(f"{mask.stem}_overlay.png")
        for file in (mask, overlay):
            if file.resolve() in taken:
                raise UserError(f"{picture}: predicting it would write {file}, which is or belongs to "
                                f"{taken[file.resolve()]}; choose another folder with `--out`, or predict them apart.")
            taken[file.resolve()] = picture
        targets.append((picture, mask, overlay))
    return targets
