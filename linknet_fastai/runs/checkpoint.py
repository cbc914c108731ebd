"Checkpoints: all that a training needs to go on as if it had never stopped."

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, with_config
from torch import Tensor

from ..errors import Note, UserError
from ..files import refuse_irregular, remove_leftovers
from ..recipes import LARGEST_BATCH
from .reading import Count, validate
from .tensors import read_tensors, write_tensors

CHECKPOINT_FILES = tuple(f"{name}.safetensors" for name in ("last", "previous", "newest"))


@with_config(ConfigDict(arbitrary_types_allowed=True))
@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `images` training images of epoch `epoch`, both counted from 0.

    `tensors` are those of the model, the optimizer and the random states, by dotted names. `recorder` is the state of
    the learner's recorder, with the finished epochs' rows. `progress` and `random` are the training's own:
    `training/checkpointing.py` fills them and reads them.
    """

    epoch: Count
    images: Count
    tensors: dict[str, Tensor]
    recorder: dict
    lr_scale: Annotated[float, Field(gt=0, le=1)]  # what the recipe's learning rate is multiplied by
    batch_size: Annotated[int, Field(ge=1, le=LARGEST_BATCH)]  # at once: less than the recipe's where memory ran out
    progress: dict
    random: dict

    def part(self, name: str) -> dict[str, Tensor]:
        "The tensors whose names begin with `name` and a dot, without it."
        return {key.removeprefix(f"{name}."): tensor for key, tensor in self.tensors.items()
                if key.startswith(f"{name}.")}

    def with_other_data(self) -> "Checkpoint":
        "To go on with other data: scores so far are no measure of those to come."
        return replace(self, recorder=self.recorder | {"best": -1.0, "compared_from": len(self.recorder["rows"])})


class Checkpoints:
    "`last.safetensors` of a run's folder, and `previous.safetensors`, the one before it, for when that is damaged."

    def __init__(self, folder: Path):
        self.last, self.previous, self.newest = (folder / name for name in CHECKPOINT_FILES)

    def write(self, checkpoint: Checkpoint):
        "Write the newest checkpoint; at every moment a whole one is there. `UserError` where it can't be written."
        for path in (self.last, self.previous): refuse_irregular(path)
        fields = {name: value for name, value in vars(checkpoint).items() if name != "tensors"}
        write_tensors(self.newest, checkpoint.tensors, fields)
        if self.last.exists(): self.last.replace(self.previous)
        self.newest.replace(self.last)

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

    def remove_leftovers(self):
        "Remove what killed processes left half-written; only for who holds the run's lock."
        remove_leftovers(self.newest)

    @property
    def is_finished(self) -> bool:
        "Whether the training that wrote them is done."
        return self.last.exists() and not self.previous.exists()

    def finish(self):
        "Note that the training is done: the last checkpoint is kept alone."
        refuse_irregular(self.previous)
        self.previous.unlink(missing_ok=True)


def _read(path: Path) -> Checkpoint:
    tensors, fields = read_tensors(path)
    return validate(Checkpoint, {**fields, "tensors": tensors}, path)
