"A trained network at work: any picture to a mask of its own size."

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ..errors import UserError
from ..files import writable_folder, written_whole
from ..networks.precision import Machine, prepare
from ..pictures import find_pictures, in_palette, read_image
from ..progress import Progress, silent
from ..runs.run import Run
from ..runs.weights import ModelCard

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
    with written_whole(path) as file: in_palette(mask, palette).save(file, format="PNG")


def save_overlay(picture: Path, mask: np.ndarray, palette, path: Path):
    "The picture with the mask's colours laid over it."
    colours = Image.fromarray(np.array(palette, dtype=np.uint8)[mask])
    with written_whole(path) as file: Image.blend(read_image(picture), colours, OVERLAY).save(file, format="PNG")


def predict_files(predictor: Predictor, paths: list[Path], out: Path, style: str = "masks",
                  progress: Progress = silent) -> list[Path]:
    """A file for each picture below `out`; their paths. `style` is one of `STYLES`.

    `masks`: `NAME.png` with class indices in colour, and `NAME_overlay.png`. `cityscapes`: what the benchmark's server
    takes, `CITY_SEQUENCE_FRAME_labelIds.png` with its ids. All that can be read are done; `UserError` then names the first
    that can't.
    """
    if style not in STYLES: raise UserError(f"there is no format {style!r}, only {', '.join(STYLES)}.")
    names, write = STYLES[style]
    if style == "cityscapes" and predictor.card.ids is None:
        raise UserError(f"a network of {predictor.card.protocol} doesn't know Cityscapes' ids; predict with one trained on it.")
    targets = _targets(paths, out, names)
    written, failed = [], []
    for picture, files in progress(targets, len(targets)):
        try: mask = predictor(picture)
        except UserError as error:
            failed.append(error)
            continue
        writable_folder(files[0].parent)
        write(picture, mask, predictor.card, *files)
        written.append(files[0])
    if failed: raise failed[0]
    return written


def _mask_and_overlay(relative: Path) -> tuple[Path, Path]:
    return relative.with_suffix(".png"), relative.with_name(f"{relative.stem}_overlay.png")


def _save_mask_and_overlay(picture: Path, mask: np.ndarray, card: ModelCard, mask_file: Path, overlay_file: Path):
    save_mask(mask, card.palette, mask_file)
    save_overlay(picture, mask, card.palette, overlay_file)


def _server_file(relative: Path) -> tuple[Path]:
    "The server finds files by the frame's name, in whatever folder, and takes one of that name only: no overlays."
    frame = re.match(r"[^_]+_\d{6}_\d{6}", relative.name)
    if frame is None:
        raise UserError(f"{relative}: is not named like a frame of Cityscapes, such as berlin_000000_000019_leftImg8bit.png; "
                        "name pictures of Cityscapes.")
    return (Path(f"{frame[0]}_labelIds.png"),)


def _save_ids(picture: Path, mask: np.ndarray, card: ModelCard, file: Path):
    ids = np.array(card.ids, dtype=np.uint8)[mask]
    with written_whole(file) as aside: Image.fromarray(ids).save(aside, format="PNG")


STYLES = {"masks": (_mask_and_overlay, _save_mask_and_overlay), "cityscapes": (_server_file, _save_ids)}


def _targets(paths: list[Path], out: Path, names: Callable[[Path], tuple[Path, ...]]) -> list[tuple[Path, list[Path]]]:
    "The files to write for each picture; `UserError` where one is another's, or a picture itself."
    found = find_pictures(paths, out)
    taken = {picture.resolve(): picture for picture, _ in found}
    targets = []
    for picture, relative in found:
        files = [out / name for name in names(relative)]
        for file in files:
            if file.resolve() in taken:
                raise UserError(f"{picture}: predicting it would write {file}, which is or belongs to "
                                f"{taken[file.resolve()]}; choose another folder with `--out`, or predict them apart.")
            taken[file.resolve()] = picture
        targets.append((picture, files))
    return targets
