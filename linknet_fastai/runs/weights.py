"A trained model as one safetensors file, with all that is needed to use it in its metadata."

from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn

from ..errors import UserError
from ..image_format import ImageFormat
from ..models.factory import create_model
from .config import validate
from .tensors import read_card, read_tensors, write_tensors

MODEL_FILE = "model.safetensors"  # of a run folder


@dataclass(frozen=True)
class ModelCard:
    """What a weights file says of its model.

    `size` (height, width) is what it was trained at; `mean` and `std` are of each channel in 0..1; `palette` has a
    color a class. `ids` are the classes' numbers in the dataset's own benchmark, where it has one. `values` are what
    the classes were in the masks that it was trained on, all numbers or all RGB colors; None where that is not known.
    `value_range` is what was black and what was white in images of more than 8 bits, None for those of 8,
    and `channels` how many they had.
    """

    encoder: str
    upsample: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    protocol: str
    ids: tuple[int, ...] | None = None
    model: str = "linknet"
    values: tuple[int, ...] | tuple[tuple[int, int, int], ...] | None = None
    value_range: tuple[float, float] | None = None
    channels: int = 3

    @property
    def image_format(self) -> ImageFormat:
        "What its images are."
        return ImageFormat(self.channels, self.value_range)

    def __post_init__(self):
        if len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.palette)} colors for {len(self.classes)} classes")
        if self.channels < 1 or not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"{len(self.mean)} means and {len(self.std)} deviations for {self.channels} channels")
        if self.value_range is not None and self.value_range[0] >= self.value_range[1]:
            raise ValueError(f"{self.value_range} is no range of values")
        if self.values is None: return
        if len(self.values) != len(self.classes):
            raise ValueError(f"{len(self.values)} values for {len(self.classes)} classes")
        if len(set(self.values)) < len(self.values): raise ValueError("two classes have one value")
        for value in self.values:
            is_color, numbers = isinstance(value, tuple), value if isinstance(value, tuple) else (value,)
            if not all(0 <= number < (256 if is_color else 1 << 16) for number in numbers):
                raise ValueError(f"{value} is no value of a mask")


def save_weights(path: Path, model: nn.Module, card: ModelCard):
    "Write the weights of `model` and its card to a safetensors file."
    write_tensors(path, model.state_dict(), asdict(card))


def load_weights(path: Path) -> tuple[nn.Module, ModelCard]:
    "The model in evaluation mode, and its card. `UserError` where the file is missing, damaged or another's."
    state, fields = read_tensors(path)
    card = validate(ModelCard, fields, path)
    try: model = create_model(card.model, len(card.classes), card.encoder, "none", card.upsample, card.channels)
    except UserError as error: raise UserError(f"{path}: names a model that can't be built: {error}") from error
    try: model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path}: its weights don't fit the model that it names "
                        f"({str(error).splitlines()[0]}); take another file.") from error
    return model.eval(), card


def load_card(path: Path) -> ModelCard:
    "The card alone, without reading the weights; errors as for `load_weights`."
    return validate(ModelCard, read_card(path), path)
