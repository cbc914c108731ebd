"What a training starts from: from scratch, an encoder's weights, or another run's."

import warnings
from pathlib import Path

from torch import nn

from ..errors import Note, UserError
from ..models.encoder import timm_name
from ..models.factory import create_model, untrained_model
from ..models.hub import hub_file
from ..models.segnet import VGG
from ..models.stats import refuse_other_stats
from ..models.transfer import transfer_weights
from ..recipes import Recipe
from ..runs.card import MODEL_FILE
from ..runs.hub import is_on_hub, local_run
from ..runs.tensors import is_run_file
from ..runs.weights import load_weights


def initial_model(recipe: Recipe, classes: tuple[str, ...], channels: int = 3) -> nn.Module:
    """The recipe's model for `classes` and images of `channels`, with the weights that the recipe names.

    Of a run's folder, or its `model.safetensors`, encoder and decoder are taken, and of the last layer the classes of
    the same name; a `Note` says which start anew. `UserError` for weights that can't be had or don't fit.
    """
    trained = trained_file(recipe.weights)
    if trained is None:
        return create_model(recipe.model, len(classes), recipe.encoder, recipe.weights, recipe.upsample, channels,
                            recipe.instance_norm)
    source, card = load_weights(trained)
    for setting in ("model", "encoder", "upsample"):
        if getattr(card, setting) != getattr(recipe, setting):
            raise UserError(f"{trained}: was trained with {setting} {getattr(card, setting)}, not "
                            f"{getattr(recipe, setting)}; pass `--{setting} {getattr(card, setting)}`.")
    refuse_other_stats(trained, card.mean, card.std, recipe)
    if card.instance_norm != recipe.instance_norm:
        raise UserError(f"{trained}: was trained {'with' if card.instance_norm else 'without'} instance norm; pass "
                        f"`--{'' if card.instance_norm else 'no-'}instance-norm`.")
    if card.channels != channels:
        raise UserError(f"{trained}: was trained on images of {card.channels} channels, not {channels}; pass such with "
                        f"`--channels {card.channels}`, or other weights.")
    model = untrained_model(recipe, len(classes), channels)
    try: fresh = transfer_weights(model, classes, source, card.classes)
    except UserError as error: raise UserError(f"{trained}: {error}") from error
    taken = [name for name in classes if name not in fresh]
    warnings.warn(Note(f"encoder and decoder start from {trained}; in the last layer {', '.join(taken) or 'no class'} "
                       f"too, {', '.join(fresh) or 'no class'} anew"), stacklevel=3)
    return model


def check_weights(recipe: Recipe, flag: str = "--weights"):
    """`UserError` where the weights that the recipe names can't be had, or it freezes an encoder that has none.

    Those of a hub are downloaded now, so that it is known before the data are checked. `flag` is the one that names
    them, for the message.
    """
    _refuse_frozen_at_random(recipe, flag)
    if recipe.weights == "none" or recipe.model == "enet": return
    if recipe.weights == "imagenet": hub_file(timm_name(VGG if recipe.model == "segnet" else recipe.encoder), flag)
    elif is_on_hub(recipe.weights): local_run(recipe.weights)
    elif not Path(recipe.weights).exists():
        raise UserError(f"{recipe.weights}: there is no such file; pass `{flag} imagenet`, `none`, a .safetensors "
                        "file or a run.")


def _refuse_frozen_at_random(recipe: Recipe, flag: str):
    if not recipe.freeze_epochs: return
    if recipe.model == "enet" and trained_file(recipe.weights) is None:
        raise UserError("ENet's encoder begins at random, and frozen it would stay so; pass a run of ENet with "
                        f"`{flag}`, or leave out `--freeze-epochs`.")
    if recipe.weights == "none":
        raise UserError("an encoder without weights begins at random, and frozen it would stay so; pass "
                        f"`{flag} imagenet` or a run, or leave out `--freeze-epochs`.")


def trained_file(weights: str | Path) -> Path | None:
    """The weights of a run that `weights` names, by its folder, by its file, or as `hf:USER/NAME`.

    None for an encoder's weights and what is no file.
    """
    if str(weights) in ("imagenet", "none"): return None  # also where a folder is called so
    path = local_run(weights)
    if path.is_dir(): return path / MODEL_FILE
    return path if path.is_file() and is_run_file(path) else None
