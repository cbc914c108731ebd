"A trained model's weights in a model of other classes."

from torch import Tensor, nn

from ..errors import UserError


def transfer_weights(model: nn.Module, classes: tuple[str, ...], trained: nn.Module,
                     trained_classes: tuple[str, ...]) -> list[str]:
    """Give `model` the weights of `trained`, a model of the same kind; the names of the classes that had none to give.

    All layers are copied but the last: there each class takes the weights of the class of its name, and keeps its own
    where there is none.

    Args:
        model: changed in place.
        classes: its classes.
        trained: where the weights are from.
        trained_classes: its classes.

    Raises `UserError` where the models are of different kinds.
    """
    state, source = model.state_dict(), trained.state_dict()
    last = _last_layer(model)
    for name, value in state.items():
        if name not in source or (name not in last and source[name].shape != value.shape):
            raise UserError(f"its weights don't fit this model ({name}); train with the same `--model`, `--encoder` "
                            "and `--upsample`.")
        if name in last: _copy_classes(value, classes, source[name], trained_classes, last[name])
        else: value.copy_(source[name])
    return [name for name in classes if name not in trained_classes]


def _last_layer(model: nn.Module) -> dict[str, int]:
    "The parameters of the last convolution, and the dimension of each that has the classes."
    name, layer = [(name, layer) for name, layer in model.named_modules()
                   if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)][-1]
    transposed = isinstance(layer, nn.ConvTranspose2d)
    return {f"{name}.{key}": int(transposed and value.ndim > 1) for key, value in layer.named_parameters()}


def _copy_classes(value: Tensor, classes: tuple[str, ...], source: Tensor, source_classes: tuple[str, ...], dim: int):
    "Along `dim` stand the channels of the classes, one after the other; sub-pixel upsampling has four a class."
    parts = value.chunk(len(classes), dim)
    source_parts = dict(zip(source_classes, source.chunk(len(source_classes), dim), strict=True))
    for name, part in zip(classes, parts, strict=True):
        if name in source_parts: part.copy_(source_parts[name])
