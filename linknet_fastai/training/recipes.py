"A recipe: every setting of a training, with its default and its meaning, in one place."

from dataclasses import dataclass, field

from ..errors import UserError

SMALLEST = 64  # height or width: smaller leaves a network of stride 32 a single pixel, whose BatchNorm is undefined


def _setting(default, meaning: str):
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class Recipe:
    "How to train. The command line's flags, `config.json` and the documentation come from here."

    encoder: str = _setting("resnet18", "A timm network that offers features.")
    weights: str = _setting("imagenet", "The encoder's start: `imagenet` (timm's hub), a .safetensors file, or `none`.")
    upsample: str = _setting("deconv", "How the decoder doubles: `deconv` or `subpixel`.")
    epochs: int = _setting(20, "Passes over the training pictures.")
    size: tuple[int, int] | None = _setting(None, "Height and width to train at; the pictures' own if not given.")
    batch_size: int = _setting(8, "Pictures a step.")
    lr: float | str = _setting(2e-3, "The one-cycle schedule's highest rate, or `auto` to search for it.")
    encoder_lr: float = _setting(0.5, "The encoder's rate as a share of the decoder's.")
    weight_decay: float = _setting(0.01, "AdamW's decoupled decay.")
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
        for name in ("encoder_lr", "weight_decay", "rotation", "shear", "lighting"):
            if getattr(self, name) < 0: raise UserError(f"{name} is {getattr(self, name)}; pass 0 or more.")
