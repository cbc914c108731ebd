"A trained network as one safetensors file, with all that is needed to use it in its metadata."

from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn

from ..errors import UserError
from ..networks.build import build_network
from .tensors import read_card, read_tensors, write_tensors


@dataclass(frozen=True)
class ModelCard:
    """What a weights file says of its network.

    `size` (height, width) is what it was trained at; `mean` and `std` are of RGB in 0..1; `palette` has a colour
    a class. `ids` are the classes' numbers in the data set's own benchmark, where it has one.
    """

    encoder: str
    upsample: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    protocol: str
    ids: tuple[int, ...] | None = None
    network: str = "linknet"


def save_weights(path: Path, model: nn.Module, card: ModelCard):
    write_tensors(path, model.state_dict(), asdict(card))


def load_weights(path: Path) -> tuple[nn.Module, ModelCard]:
    "The network in evaluation mode, and its card. `UserError` where the file is missing, damaged or another's."
    state, fields = read_tensors(path)
    card = _card(path, fields)
    model = build_network(len(card.classes), card.network, card.encoder, "none", card.upsample)
    try: model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path}: its weights don't fit the network that it names "
                        f"({str(error).splitlines()[0]}); take another file.") from error
    return model.eval(), card


def load_card(path: Path) -> ModelCard:
    return _card(path, read_card(path))


def _card(path: Path, fields: dict) -> ModelCard:
    try: return ModelCard(**{name: _frozen(value) for name, value in fields.items()})
    except TypeError as error:
        raise UserError(f"{path}: its metadata is damaged ({error}); restore the file from a copy.") from error


def _frozen(value):
    "JSON has lists where the card has tuples."
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
