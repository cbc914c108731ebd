"A run's best model as a file for other programs, compared with the original before it is called done."

import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..datasets.check import check
from ..datasets.splits import SPLITS
from ..deploy.exported_predictor import graph_input, seen_pixels
from ..deploy.exports.engines import OnnxEngine, OpenVinoEngine, has_bf16
from ..deploy.exports.export_card import ExportCard
from ..deploy.exports.onnx_file import export_onnx, image_graph
from ..deploy.exports.openvino_file import export_openvino
from ..errors import UserError, check_choice
from ..extras import extra, find_extra
from ..files import digest, writable_folder
from ..models.autocast import autocast_model
from ..progress import Progress, silent
from ..runs.run import Run
from ..runtime.device import Machine
from .compare_exports import Candidate, Comparison, compare, folder_images, labeled_images, unlabeled_images
from .evaluate_exported import program_name
from .run_data import open_data

FORMATS, OUTPUTS = {"onnx": ".onnx", "openvino": ".xml"}, ("logits", "classes")
CALIBRATION = 300  # images


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and how it is checked.

    `format` is `onnx` or `openvino`; what the ending of `out` says if not given, and `openvino` for `int8`. `out` is
    the file; `model`, or `model-int8`, in the run's folder if not given. `output` is `logits` or `classes`;
    `takes_floats` is for pixels from 0 to 1, in the place of uint8. It is compared with torch on the validation images
    of the run, whose dataset is at `data` where it isn't where it was; or on those in the folder `images`, without
    scores. `calibrate` is a folder of images for int8, in the place of the run's training images. `progress` shows how
    far it is. `UserError` where one is for another.
    """

    format: str | None = None
    int8: bool = False
    out: Path | None = None
    output: str = "logits"
    takes_floats: bool = False
    images: Path | None = None
    calibrate: Path | None = None
    data: Path | None = None
    progress: Progress = silent

    def __post_init__(self):
        if self.calibrate and not self.int8:
            raise UserError(f"{self.calibrate}: only files in 8 bits are calibrated; pass `--int8`, or leave out "
                            "`--calibrate`.")


@dataclass(frozen=True)
class Exported:
    "The file that was written, and what it was found to be beside torch."

    file: Path
    comparison: Comparison


def export(path: str | Path, options: ExportOptions = ExportOptions()) -> Exported:
    """Write the best model of the run at `path` as one file for other programs, and compare it with torch.

    Raises `UserError` for a run or data that can't be read, a model that can't be exported, and packages that aren't
    installed.
    """
    check_choice("output", options.output, OUTPUTS)
    run, format = Run.open(path), chosen_format(options)
    file = options.out or run.path / f"model{'-int8' * options.int8}{FORMATS[format]}"
    require_packages(format, options.int8)
    weights = digest(run.model_file)
    model, card = run.load_model()
    if digest(run.model_file) != weights:
        raise UserError(f"{run.model_file}: was replaced while it was read; wait for the training in this folder, and "
                        "export again.")
    card = ExportCard(**vars(card), input="float" if options.takes_floats else "uint8", output=options.output,
                      version=version("linknet-fastai"), weights=weights)
    images = unlabeled_images(options.images, card) if options.images else labeled_images(run.path, options.data)
    writable_folder(file.parent)
    with tempfile.TemporaryDirectory() as scratch:
        _remove_scores(file)  # of another
        candidates = _write(model, card, run, file, Path(scratch), options)
        return Exported(file, compare(in_torch(model, card, run.model_file), candidates, images, card,
                                      options.progress))


def _remove_scores(file: Path):
    "Those that `evaluate_exported` wrote of it."
    for split, ending in product((*SPLITS, "all"), ("json", "csv")):
        (file.parent / f"scores-{split}-{program_name(file)}.{ending}").unlink(missing_ok=True)


def require_packages(format: str, int8: bool = False):
    "`UserError` for the first that isn't installed, with the command that installs it."
    for module in ("onnx", "onnxscript", "onnxruntime"): extra(module)
    if format == "openvino": extra("openvino", "openvino")
    if int8: find_extra("nncf", "openvino")


def chosen_format(options: ExportOptions) -> str:
    "`onnx` or `openvino`; `UserError` where options disagree."
    by_ending = {ending: name for name, ending in FORMATS.items()}
    if options.out and options.out.suffix not in by_ending:
        raise UserError(f"{options.out}: exported files end in .onnx or .xml; correct `--out`.")
    ending = by_ending[options.out.suffix] if options.out else None
    format = options.format or ending or ("openvino" if options.int8 else "onnx")
    check_choice("format", format, FORMATS)
    if ending not in (None, format):
        raise UserError(f"{options.out}: files of {format} end in {FORMATS[format]}; correct `--out` or `--format`.")
    if options.int8 and format == "onnx":
        raise UserError("int8 files are written for OpenVINO alone; pass "
                        "`--format openvino`, or leave out `--int8`.")
    return format


def in_torch(model: nn.Module, card: ExportCard, file: Path) -> Candidate:
    "The model as it is, in fp32 on the CPU."
    graph = image_graph(autocast_model(model, Machine(torch.device("cpu"), "fp32")), card)

    @torch.inference_mode()
    def run(pixels: np.ndarray) -> np.ndarray: return graph(torch.tensor(pixels)).numpy()
    return Candidate("torch fp32", (file,), run)


def _write(model: nn.Module, card: ExportCard, run: Run, file: Path, scratch: Path,
           options: ExportOptions) -> list[Candidate]:
    "Write the file, and what it is made of and compared with to the folder `scratch`."
    threads = torch.get_num_threads()
    onnx_file = file if file.suffix == ".onnx" else scratch / "model.onnx"
    export_onnx(image_graph(model, card), card, onnx_file)
    candidates = [Candidate("ONNX fp32", (onnx_file,), OnnxEngine(onnx_file, threads))]
    if file == onnx_file: return candidates
    floats = scratch / "model.xml" if options.int8 else file
    export_openvino(onnx_file, card, floats)
    candidates.append(_openvino(floats, "fp32", threads))
    if has_bf16(): candidates.append(_openvino(floats, "bf16", threads))
    if options.int8:
        export_openvino(onnx_file, replace(card, int8=True), file, calibration(run, card, options))
        candidates.append(_openvino(file, "int8", threads))
    return candidates


def _openvino(file: Path, precision: str, threads: int) -> Candidate:
    engine = OpenVinoEngine(file, threads, None if precision == "int8" else precision)
    return Candidate(f"OpenVINO {precision}", (file, file.with_suffix(".bin")), engine, is_exact=precision == "fp32",
                     is_judged=precision != "bf16")


def calibration(run: Run, card: ExportCard, options: ExportOptions) -> list[np.ndarray]:
    "Pixels `[1,H,W,C]` of 300 images of those that int8 is to be calibrated on, or of all where there are fewer."
    if options.calibrate: paths = folder_images(options.calibrate)
    else: paths = _training_images(run, options.data)
    chosen = np.random.default_rng(0).permutation(len(paths))[:CALIBRATION]
    return [graph_input(seen_pixels(card.image_format.read(paths[number]), card)[None], card.input)
            for number in chosen]


def _training_images(run: Run, data: Path | None) -> list[Path]:
    try: dataset = open_data(run, data)
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}; or calibrate on images of a folder: "
                        "`--calibrate FOLDER`.") from error
    if run.config.skip_bad: dataset = check(dataset).usable(skip_bad=True)
    return [dataset.inside(path) for path in dataset.split("train")["image"]]
