"An exported file's scores on a split of its run's data."

from dataclasses import fields
from pathlib import Path

import torch

from ..dataloaders.segmentation_dl import SegmentationDL
from ..deploy.exported_predictor import ExportedPredictor
from ..deploy.exports.export_card import ExportCard
from ..deploy.predictor_options import PredictorOptions
from ..errors import UserError
from ..evaluation.predictions import Predictions
from ..evaluation.result import Result, write_result
from ..evaluation.scoring import ScoringOptions, score_predictions
from ..files import digest
from ..runs.card import ModelCard
from ..runs.run import Run
from ..runtime.device import Machine
from .open_run import open_run


def predictions(predictor: ExportedPredictor, dl: SegmentationDL) -> Predictions:
    "As `evaluation.predictions.predictions`, to the pixel what `predict` writes with the file."
    for sample in dl.items:
        pixels = sample.image.permute(1, 2, 0).numpy()
        if predictor.is_tiled: classes = predictor.predict(pixels)
        else: classes = predictor.classes_at(predictor.logits(pixels[None])[0], tuple(sample.mask.shape))
        yield torch.from_numpy(classes)[None], sample.mask[None]


def run_of(file: Path) -> Path:
    "The run's folder that an exported file lies in; `UserError` where it lies in none."
    if not (file.parent / "config.json").is_file():
        raise UserError(f"{file}: doesn't lie in a run's folder, so there is no telling what to score it on; put it "
                        "beside the config.json of its run.")
    return file.parent


def refuse_others(file: Path, exported: ExportCard, run: Run):
    "`UserError` where a file was exported of another run, or of weights that the run had before it was trained on."
    card = run.card
    differing = [each.name for each in fields(ModelCard) if getattr(exported, each.name) != getattr(card, each.name)]
    if differing:
        raise UserError(f"{file}: is of another run than that in whose folder it lies ({', '.join(differing)} differ); "
                        "put it into its own run's folder.")
    if exported.weights != digest(run.model_file):
        raise UserError(f"{file}: was exported of other weights than the run has now; export it anew.")


def evaluate_exported(file: Path, split: str = "val", precision: str | None = None, data: Path | None = None,
                      options: ScoringOptions = ScoringOptions()) -> tuple[Result, str]:
    """Score the exported `file` in a run's folder on a split of the run's dataset.

    The scores are written beside it, under the name that comes with them. Arguments and errors as for `evaluate`, and
    `precision` as for `open_engine`.
    """
    predictor = ExportedPredictor(file, precision, PredictorOptions(options.tta, options.tiles))
    opened = open_run(run_of(file), split, Machine(torch.device("cpu"), "fp32"), data, options.tiles)
    refuse_others(file, predictor.card, opened.run)
    protocol = opened.protocol | {"program": f"{predictor.engine.program}, {predictor.engine.precision}"}
    result, _ = score_predictions(predictions(predictor, opened.dl), opened.dl, opened.dataset, protocol, options)
    refuse_others(file, predictor.card, opened.run)  # a training may have given the run other weights meanwhile
    name = f"scores-{split}-{program_name(file)}"
    write_result(opened.run, name, result)
    return result, name


def program_name(file: Path) -> str:
    "What an exported file is called among a run's scores."
    return f"{file.stem}-{'onnx' if file.suffix.lower() == '.onnx' else 'openvino'}"
