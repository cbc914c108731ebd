"Checkpoints: all that a training needs to go on as if it had never stopped."

import warnings
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..errors import Note, UserError
from .tensors import read_tensors, write_tensors


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `images` training images of epoch `epoch`, both counted from 0.

    `tensors` are those of the model, the optimizer and the random states, by dotted names. `recorder` is the state of
    the learner's recorder, with the finished epochs' rows. `progress` and `random` are the training's own:
    `training/checkpointing.py` fills them and reads them.
    """

    epoch: int
    images: int
    tensors: dict[str, Tensor]
    recorder: dict
    lr_scale: float  # what the recipe's learning rate is multiplied by
    batch_size: int  # images at once: less than the recipe's where memory ran out
    progress: dict
    random: dict

    def part(self, name: str) -> dict[str, Tensor]:
        "The tensors whose names begin with `name` and a dot, without it."
        return {key.removeprefix(f"{name}."): tensor for key, tensor in self.tensors.items()
                if key.startswith(f"{name}.")}


class Checkpoints:
    "`last.safetensors` of a run's folder, and `previous.safetensors`, the one before it, for when that is damaged."

    def __init__(self, folder: Path):
        self.last, self.previous = folder / "last.safetensors", folder / "previous.safetensors"

    def write(self, checkpoint: Checkpoint):
        "Write the newest checkpoint; at every moment a whole one is there."
        fields = {name: value for name, value in vars(checkpoint).items() if name != "tensors"}
        newest = self.last.with_name("newest.safetensors")
        write_tensors(newest, checkpoint.tensors, fields)
        if self.last.exists(): self.last.replace(self.previous)
        newest.replace(self.last)

    def read(self) -> Checkpoint | None:
        "The newest checkpoint that is whole; None where none was written yet, `UserError` where all are damaged."
        wrong = []
        for path in (self.last, self.previous):
            if not path.exists(): continue
            try: checkpoint = _read(path)
            except UserError as error:
                wrong.append(error)
                continue
            if wrong: warnings.warn(Note(f"{wrong[0]}; so training goes on from the epoch before"), stacklevel=2)
            return checkpoint
        if wrong: raise wrong[0]
        return None

    @property
    def is_finished(self) -> bool:
        "Whether the training that wrote them is done."
        return self.last.exists() and not self.previous.exists()

    def finish(self):
        "Note that the training is done: the last checkpoint is kept alone."
        self.previous.unlink(missing_ok=True)


def _read(path: Path) -> Checkpoint:
    tensors, fields = read_tensors(path)
    try: return Checkpoint(tensors=tensors, **fields)
    except TypeError as error: raise UserError(f"{path}: its metadata is damaged ({error}).") from error
