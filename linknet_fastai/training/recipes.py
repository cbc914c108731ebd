"A recipe: every setting of a training, with its default and its meaning, in one place."

from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import UserError

SMALLEST = 64  # height or width: smaller leaves a network of stride 32 a single pixel, whose BatchNorm is undefined


def _setting(default, meaning: str):
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class Recipe:
    "How to train. The command line's flags, `config.json` and the documentation come from here."

    name: str = _setting("rapid", "The named recipe that the other settings start from.")
    network: str = _setting("linknet", "`linknet`, `segnet` or `enet`.")
    encoder: str = _setting("resnet18", "LinkNet's encoder: a timm network that offers features.")
    weights: str = _setting("imagenet", "The encoder's start: `imagenet` (timm's hub), a .safetensors file, or `none`.")
    upsample: str = _setting("deconv", "How LinkNet's decoder doubles: `deconv` or `subpixel`.")
    epochs: int = _setting(40, "Passes over the training pictures.")
    size: tuple[int, int] | None = _setting(None, "Height and width to train at; the pictures' own if not given.")
    batch_size: int = _setting(4, "Pictures a step.")
    optimizer: str = _setting("adamw", "`adamw` or `rmsprop`.")
    schedule: str = _setting("one-cycle", "`one-cycle`, or `steps`: a tenth of the rate after each 100 epochs.")
    lr: float | str = _setting(2e-3, "The schedule's highest rate, or `auto` to search for it.")
    encoder_lr: float = _setting(1.0, "The encoder's rate as a share of the decoder's.")
    weight_decay: float = _setting(0.01, "The optimizer's decay.")
    weighting: float = _setting(0.5, "Power of the published class weights: 1 as published, 0 all equal.")
    dice: float = _setting(1.0, "Share of a soft Dice loss beside cross-entropy.")
    flip: bool = _setting(True, "Mirror half of the pictures.")
    scale: tuple[float, float] = _setting((0.75, 1.6), "Zoom, from smallest to largest.")
    rotation: float = _setting(5.0, "Turn by up to this many degrees either way.")
    shear: float = _setting(0.1, "Shear by up to this share of the height, either way.")
    lighting: float = _setting(0.2, "Change brightness and contrast by up to this share, either way.")
    seed: int = _setting(0, "Of everything that is random.")

    def __post_init__(self):
        if self.epochs < 1: raise UserError(f"{self.epochs} epochs train nothing; ask for 1 or more.")
        if self.batch_size < 1: raise UserError(f"a batch of {self.batch_size} pictures holds none; ask for 1 or more.")
        if self.size is not None and min(self.size) < SMALLEST:
            raise UserError(f"a size of {self.size[0]}x{self.size[1]} is too small to train at; "
                            f"ask for {SMALLEST}x{SMALLEST} or more with `--size`.")
        if self.lr != "auto" and not (isinstance(self.lr, (int, float)) and self.lr > 0):
            raise UserError(f"a learning rate of {self.lr} can't train; pass a positive number or `auto`.")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise UserError(f"a scale of {self.scale} is no range of zooms; pass two positive numbers, the smaller first.")
        if self.network != "linknet" and (self.encoder, self.upsample) != (Recipe.encoder, Recipe.upsample):
            raise UserError(f"{self.network} has its own encoder and upsampling; leave out `--encoder` and `--upsample`.")
        for name, choices in (("optimizer", ("adamw", "rmsprop")), ("schedule", ("one-cycle", "steps"))):
            if getattr(self, name) not in choices:
                raise UserError(f"{name} {getattr(self, name)!r} is unknown; there are {', '.join(choices)}.")
        for name in ("encoder_lr", "weight_decay", "weighting", "dice", "rotation", "shear", "lighting"):
            if getattr(self, name) < 0: raise UserError(f"{name} is {getattr(self, name)}; pass 0 or more.")


_AS_IS = dict(flip=False, scale=(1.0, 1.0), rotation=0.0, shear=0.0, lighting=0.0)

RECIPES: dict[str, Recipe] = {
    # this project's own, for the most mIoU in the least time: benchmarks/README.md has what was tried
    "rapid": Recipe(),
    # arXiv 1707.03718, section 4, and its authors' training code: pictures as they are, 300 epochs, a tenth after each 100
    "paper": Recipe("paper", epochs=300, optimizer="rmsprop", schedule="steps", lr=5e-4, weight_decay=2e-4,
                    weighting=1.0, dice=0.0, **_AS_IS),
    # the student report's: AdamW, one-cycle, sub-pixel, the paper's loss, shear and flips
    "modified": Recipe("modified", epochs=100, upsample="subpixel", lr=1e-3, weighting=1.0, dice=0.0,
                       **_AS_IS | dict(flip=True, shear=0.1)),
}


def recipe_for(name: str, wishes: dict[str, Any], **flags) -> Recipe:
    """A named recipe with a data set's wishes, where the recipe has none of its own, and then the user's `flags`.

    `UserError` for an unknown name or a setting that can't train.
    """
    if name not in RECIPES: raise UserError(f"recipe {name!r} is unknown; there are {', '.join(RECIPES)}.")
    recipe, usual = RECIPES[name], Recipe()
    open_wishes = {key: value for key, value in wishes.items() if getattr(recipe, key) == getattr(usual, key)}
    return replace(recipe, **open_wishes | flags)
