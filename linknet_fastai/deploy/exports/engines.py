"An exported file, run by the program that it is for; no torch is needed."

import re
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError, check_choice
from ...extras import extra
from .export_card import KEY, ExportCard, read_metadata

NO_MEMORY = re.compile("failed to allocate|can't alloc|bad_alloc", re.IGNORECASE)  # in both programs' messages
PRECISIONS = {"fp32": "f32", "bf16": "bf16"}  # in OpenVINO's words


class OnnxEngine:
    """An ONNX file in onnxruntime, on the CPU.

    Calling it takes pixels `[N,H,W,C]` of any size, as `card.input` says, to what `card.output` says. `threads` is how
    many compute; onnxruntime's own choice if not given. `UserError` where the file is missing, damaged or another's.
    """

    program, precision = "onnxruntime", "fp32"

    def __init__(self, path: Path, threads: int | None = None):
        onnxruntime = extra("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: what it warns of is about its own optimizing
        if threads is not None: options.intra_op_num_threads = threads
        try: self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error: raise _unreadable(path, error) from error  # its errors have no class in common
        self.card = read_metadata(self.session.get_modelmeta().custom_metadata_map, path)
        self.name = self.session.get_inputs()[0].name

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        try: return self.session.run(None, {self.name: pixels})[0]
        except Exception as error:  # its errors have no class in common
            if NO_MEMORY.search(str(error)): raise MemoryError from error
            raise


class OpenVinoEngine:
    """An OpenVINO file in OpenVINO, on the CPU.

    Args:
        path: the `.xml` file; its `.bin` stands beside it.
        threads: how many compute; OpenVINO's own choice if not given.
        precision: `fp32` or `bf16`; the fastest that the processor has natively if not given. Of a file in int8 it is
            what the rest computes in, fp32 if not given.

    It is called as `OnnxEngine` is; errors, too.
    """

    program = "OpenVINO"

    def __init__(self, path: Path, threads: int | None = None, precision: str | None = None):
        core = extra("openvino", "openvino").Core()
        try: model = core.read_model(path)
        except Exception as error: raise _unreadable(path, error) from error  # a RuntimeError, or pybind's own
        self.card = read_metadata(_rt_info(model), path)
        precision = precision or ("bf16" if has_bf16() and not self.card.int8 else "fp32")
        check_choice("precision", precision, PRECISIONS)
        self.precision = "int8" if self.card.int8 else precision
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": PRECISIONS[precision]}
        if threads is not None: options["INFERENCE_NUM_THREADS"] = threads
        self.request = core.compile_model(model, "CPU", options).create_infer_request()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        try: found = self.request.infer([pixels], share_inputs=True)[0]
        except RuntimeError as error:
            if NO_MEMORY.search(str(error)): raise MemoryError from error
            raise
        # with one thread it leaves the former output where memory is short
        if (len(found), *found.shape[-2:]) != pixels.shape[:3]: raise MemoryError
        return found


ENGINES = {".onnx": OnnxEngine, ".xml": OpenVinoEngine}
Engine = OnnxEngine | OpenVinoEngine


def is_exported(path: Path) -> bool:
    "Whether `path` is called as exported files are."
    return path.suffix.lower() in ENGINES


def open_engine(path: Path, threads: int | None = None, precision: str | None = None) -> Engine:
    """The exported file at `path`, ready to be called.

    `threads` and `precision` are those of `OpenVinoEngine`. `UserError` as for the engines, and where an ONNX file is
    to compute in anything but fp32.
    """
    if not path.is_file(): raise UserError(f"{path}: there is no such file; `export` writes one.")
    if path.suffix.lower() == ".xml": return OpenVinoEngine(path, threads, precision)
    if precision not in (None, "fp32"):
        raise UserError(f"{path}: is of fp32, and onnxruntime computes in that; leave out `--precision {precision}`, "
                        "or export with `--format openvino`.")
    return OnnxEngine(path, threads)


def on_cpu(path: Path, device: str | None):
    "`UserError` where an exported file is to run anywhere but on the CPU."
    if device not in (None, "cpu"):
        raise UserError(f"{path}: exported files run on the CPU here; leave out `--device {device}`, or predict with "
                        "the run.")


def has_bf16() -> bool:
    "Whether OpenVINO finds bf16 in the processor."
    return "BF16" in extra("openvino", "openvino").Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _rt_info(model: Any) -> dict[str, str]:
    if not model.has_rt_info([KEY, KEY]): return {}
    names = [KEY, *ExportCard.__dataclass_fields__]
    return {name: model.get_rt_info([KEY, name]).astype(str) for name in names if model.has_rt_info([KEY, name])}


def _unreadable(path: Path, error: Exception) -> UserError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(f"{path}: can't be read ({lines[-1].strip()}); export it anew.")
