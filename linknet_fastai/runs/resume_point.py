"Where a training stands: all that it needs to go on as if it had never stopped."

import warnings
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..errors import Note, UserError
from .tensors import read_tensors, write_tensors


@dataclass(frozen=True)
class ResumePoint:
    """After `pictures` training pictures of epoch `epoch`, counted from 0.

    `tensors` are those of the network, the optimizer and the random states, by dotted names. `history` has a row for each finished
    epoch, `best` is their best mIoU. The rest is the training's own: `training/resuming.py` fills it and reads it.
    """

    epoch: int
    pictures: int
    tensors: dict[str, Tensor]
    history: list[dict]
    best: float
    rate: float  # share of the recipe's learning rate
    batch_size: int  # pictures at once: less than the recipe's where memory ran out
    progress: dict
    random: dict

    def of(self, part: str) -> dict[str, Tensor]:
        "The tensors whose names begin with `part` and a dot, without it."
        return {name.removeprefix(f"{part}."): tensor for name, tensor in self.tensors.items() if name.startswith(f"{part}.")}


class ResumePoints:
    "`last.safetensors` of a run's folder, and `previous.safetensors`, the one before it, for when that is damaged."

    def __init__(self, folder: Path):
        self.last, self.previous = folder / "last.safetensors", folder / "previous.safetensors"

    def write(self, point: ResumePoint):
        "A point is there, whole, at every moment."
        fields = {name: value for name, value in vars(point).items() if name != "tensors"}
        newest = self.last.with_name("newest.safetensors")
        write_tensors(newest, point.tensors, fields)
        if self.last.exists(): self.last.replace(self.previous)
        newest.replace(self.last)

    def read(self) -> ResumePoint | None:
        "The newest point that is whole; None where none was written yet, `UserError` where all are damaged."
        wrong = []
        for path in (self.last, self.previous):
            if not path.exists(): continue
            try: point = _read(path)
            except UserError as error:
                wrong.append(error)
                continue
            if wrong: warnings.warn(Note(f"{wrong[0]}; so training goes on from the epoch before"), stacklevel=2)
            return point
        if wrong: raise wrong[0]
        return None

    def remove_previous(self):
        self.previous.unlink(missing_ok=True)


def _read(path: Path) -> ResumePoint:
    tensors, fields = read_tensors(path)
    try: return ResumePoint(tensors=tensors, **fields)
    except TypeError as error: raise UserError(f"{path}: its metadata is damaged ({error}).") from error
