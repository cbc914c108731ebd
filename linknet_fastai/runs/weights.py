"A trained network as one safetensors file, with all that is needed to use it in its metadata."

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_model, save
from torch import nn

from ..errors import UserError
from ..files import written_whole
from ..networks.build import build_network

KEY, FORMAT = "linknet_fastai", 2


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
    metadata = {KEY: json.dumps({"format": FORMAT, **asdict(card)})}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with written_whole(path) as temporary: temporary.write_bytes(save(state, metadata))


def load_weights(path: Path) -> tuple[nn.Module, ModelCard]:
    "The network in evaluation mode, and its card. `UserError` where the file is missing, damaged or another's."
    card = read_card(path)
    model = build_network(len(card.classes), card.network, card.encoder, "none", card.upsample)
    try: load_model(model, path)
    except (RuntimeError, SafetensorError) as error:
        raise UserError(f"{path}: its weights don't fit the network that it names "
                        f"({str(error).splitlines()[0]}); take another file.") from error
    return model.eval(), card


def read_card(path: Path) -> ModelCard:
    try:
        with safe_open(path, "pt") as file: metadata = file.metadata() or {}
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; has the training saved an epoch yet?") from error
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: can't be read as safetensors ({error}); take another file.") from error
    if KEY not in metadata: raise UserError(f"{path}: these are not the weights of a run; pass a run's model.safetensors.")
    try:
        fields = dict(json.loads(metadata[KEY]))
        version = fields.pop("format")
        if version == FORMAT: return ModelCard(**{name: _frozen(value) for name, value in fields.items()})
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: its metadata is damaged ({error}); restore the file from a copy.") from error
    raise UserError(f"{path}: is of format {version}, this program reads {FORMAT}; use the version that wrote it.")


def _frozen(value):
    "JSON has lists where the card has tuples."
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
