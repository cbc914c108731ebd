"A trained model as one safetensors file, with all that is needed to use it in its metadata."

from dataclasses import asdict
from pathlib import Path

from torch import nn

from ..errors import UserError
from ..models.enet import ENCODER_HEAD
from ..models.factory import create_model
from .card import ModelCard
from .reading import validate
from .tensors import read_card, read_tensors, write_tensors


def save_weights(path: Path, model: nn.Module, card: ModelCard):
    "Write the weights of `model`, but for a head that only training needs, and its card to a safetensors file."
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(ENCODER_HEAD)}
    write_tensors(path, state, asdict(card))


def load_weights(path: Path) -> tuple[nn.Module, ModelCard]:
    "The model in evaluation mode, and its card. `UserError` where the file is missing, damaged or another's."
    state, fields = read_tensors(path)
    card = validate(ModelCard, fields, path)
    try:
        model = create_model(card.model, len(card.classes), card.encoder, "none", card.upsample, card.channels,
                             card.instance_norm)
    except UserError as error: raise UserError(f"{path}: names a model that can't be built: {error}") from error
    try: model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path}: its weights don't fit the model that it names "
                        f"({str(error).splitlines()[0]}); take another file.") from error
    return model.eval(), card


def load_card(path: Path) -> ModelCard:
    "The card alone, without reading the weights; errors as for `load_weights`."
    return validate(ModelCard, read_card(path), path)
