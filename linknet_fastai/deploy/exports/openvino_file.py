"An ONNX file as an OpenVINO file, also in 8-bit integers."

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ...extras import extra
from ...files import atomic_write, refuse_irregular
from .export_card import KEY, ExportCard


def export_openvino(onnx_file: Path, card: ExportCard, path: Path, calibration: Sequence[np.ndarray] = ()):
    """Write an ONNX file that `export_onnx` wrote as OpenVINO's `.xml`, and the `.bin` beside it.

    Args:
        onnx_file: what is converted.
        card: what the file says of itself.
        path: the `.xml` file.
        calibration: pixels `[1,H,W,C]` as the graph takes them, of which int8 learns its ranges; without any, all
            numbers stay floats.

    `UserError` where the extra isn't installed, or the files can't be written.
    """
    openvino = extra("openvino", "openvino")
    model = openvino.Core().read_model(onnx_file)
    if len(calibration): model = quantized(model, calibration)
    for name, value in card.metadata().items(): model.set_rt_info(value, [KEY, name])
    with _folder_beside(path) as folder:
        xml = folder / "model.xml"
        try: openvino.save_model(model, xml, compress_to_fp16=False)
        except RuntimeError as error: raise _not_written(path, str(error).strip().rpartition("\n")[2]) from error
        for part in (path, path.with_suffix(".bin")): refuse_irregular(part)  # before one of them goes
        # never a description beside another's weights: it goes first, and comes last
        path.unlink(missing_ok=True)
        for part in (xml.with_suffix(".bin"), xml):
            with atomic_write(path.with_suffix(part.suffix)) as file: os.replace(part, file)


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    "A folder on the same disk, which is removed again; `UserError` where it can't be made."
    try: folder = tempfile.TemporaryDirectory(dir=path.parent, prefix=".openvino.")
    except OSError as error: raise _not_written(path, error.strerror) from error
    with folder as name: yield Path(name)


def _not_written(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: can't be written ({reason}); free some space or choose another folder.")


def quantized(model: Any, calibration: Sequence[np.ndarray]) -> Any:
    """An OpenVINO model with weights and activations of 8 bits, by NNCF's post-training quantization.

    Every weight uses 7 of its 8 bits (`overflow_fix`): processors without VNNI add products of 8 bits in 16, which
    saturate.
    """
    nncf = extra("nncf", "openvino")
    options = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
    return nncf.quantize(model, nncf.Dataset(calibration), subset_size=len(calibration),
                         preset=nncf.QuantizationPreset.PERFORMANCE, advanced_parameters=options)
