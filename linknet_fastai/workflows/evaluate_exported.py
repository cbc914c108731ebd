"An exported file's scores on a split of its run's data."

from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor, nn

from ..deploy.exported_predictor import graph_input
from ..deploy.exports.engines import Engine, open_engine
from ..deploy.exports.export_card import ExportCard
from ..errors import UserError
from ..evaluation.result import Result, write_result
from ..evaluation.scoring import ScoringOptions, score
from ..files import digest
from ..runs.card import ModelCard
from ..runs.run import Run
from ..runtime.device import Machine
from .compare_exports import as_logits
from .open_run import open_run


class EngineModel(nn.Module):
    "An exported file as a model: images `[B,C,H,W]`, normalized, to logits `[B,num_classes,H,W]`."

    def __init__(self, engine: Engine):
        super().__init__()
        self.engine, self.card = engine, engine.card

    def forward(self, images: Tensor) -> Tensor:
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.card.mean, self.card.std))
        pixels = (images.as_subclass(Tensor) * std + mean) * 255
        pixels = pixels.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return as_logits(self.engine(graph_input(pixels, self.card.input)), len(self.card.classes))


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
    engine = open_engine(file, precision=precision)
    if options.tta and engine.card.output == "classes":
        raise UserError(f"{file}: gives classes, of which there is no mean; leave out `--tta`, or export it without "
                        "`--output classes`.")
    opened = open_run(run_of(file), split, Machine(torch.device("cpu"), "fp32"), data, options.tiles)
    refuse_others(file, engine.card, opened.run)
    protocol = opened.protocol | {"program": f"{engine.program}, {engine.precision}"}
    result, _ = score(EngineModel(engine), opened.dl, opened.dataset, protocol, options)
    refuse_others(file, engine.card, opened.run)  # a training may have given the run other weights meanwhile
    name = f"scores-{split}-{program_name(file)}"
    write_result(opened.run, name, result)
    return result, name


def program_name(file: Path) -> str:
    "What an exported file is called among a run's scores."
    return f"{file.stem}-{'onnx' if file.suffix.lower() == '.onnx' else 'openvino'}"
