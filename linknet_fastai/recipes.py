"A recipe: every setting of a training, with its default and its meaning, in one place."

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .errors import UserError, check_choice

SMALLEST = 64  # height or width: smaller leaves a model of stride 32 a single pixel, whose BatchNorm is undefined
LARGEST = 16384
OPTIMIZERS, SCHEDULES = ("adamw", "rmsprop", "adam", "sgd"), ("one-cycle", "steps", "constant")
WEIGHTINGS = ("log", "median")


LARGEST_BATCH = 1 << 16
LARGEST_SEED = (1 << 32) - 1  # numpy's
MOST_EPOCHS = 100_000


def _setting(default, meaning: str, low: float = -math.inf, high: float = math.inf):
    "A field with its default, its meaning, and the lowest and highest number that it may be, or hold."
    return field(default=default, metadata={"help": meaning, "range": (low, high)})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    "How to train. The command line's flags, `config.json` and the documentation come from here."

    name: str = _setting("rapid", "The named recipe that the other settings start from.")
    model: str = _setting("linknet", "`linknet`, `segnet` or `enet`.")
    encoder: str = _setting("resnet18", "LinkNet's encoder: a timm model that offers features.")
    weights: str = _setting("imagenet", "The start: `imagenet` (timm's hub) or a .safetensors file for the encoder, "
                                        "another run (a folder, or hf:USER/NAME) for the decoder too, or "
                                        "`none`.")
    upsample: str = _setting("subpixel", "How LinkNet's decoder upsamples: `deconv` or `subpixel`.")
    instance_norm: bool = _setting(False, "Normalize each image by its own mean and deviation, channel by channel, so "
                                          "that other light than in training matters less.")
    epochs: int = _setting(40, "Passes over the training images.", 1, MOST_EPOCHS)
    minutes: float | None = _setting(None, "The time that you have: as many epochs as fit on this machine, and where "
                                           "those are few, smaller or fewer images.", 0.1, 1e6)
    freeze_epochs: int = _setting(0, "Passes before those with the encoder frozen, as fastai's `fine_tune` begins.",
                                  0, MOST_EPOCHS)
    patience: int | None = _setting(None, "Stop when the mIoU hasn't risen for N epochs.", 1, MOST_EPOCHS)
    size: tuple[int, int] | None = _setting(None, "Height and width to train at; the images' own if not given.",
                                                 SMALLEST, LARGEST)
    train_images: int | None = _setting(None, "Train on N of the training images, drawn once; on all if not "
                                              "given.", 1, 1 << 40)
    crop: tuple[int, int] | None = _setting(None, "Height and width of random crops of the images at their own "
                                                  "resolution, to train on in the place of whole images.",
                                            SMALLEST, LARGEST)
    rare_crops: float = _setting(0.0, "Part of the crops, 0 to 1, that are centered on a pixel of a class drawn evenly "
                                      "from those present.", 0, 1)
    test_scale: float = _setting(1.0, "Predict at N times the height and width that are trained at.", 0.5, 4)
    batch_size: int = _setting(4, "Images a step.", 1, LARGEST_BATCH)
    optimizer: str = _setting("adamw", "`adamw`, `rmsprop`, `adam` or `sgd`.")
    schedule: str = _setting("one-cycle", "`one-cycle`, `constant`, or `steps`: a tenth of the learning rate after "
                                          "each 100 epochs.")
    encoder_first: float = _setting(0.0, "Part of the epochs, 0 to 1, in which ENet's encoder is trained alone, before "
                                         "the decoder joins in.", 0, 1)
    lr: float | str = _setting(2e-3, "The schedule's highest learning rate, or `auto` to search for it.", 1e-12, 1e3)
    encoder_lr: float = _setting(1.0, "The encoder's learning rate as a multiple of the decoder's.", 1e-12, 1e3)
    weight_decay: float = _setting(0.01, "The optimizer's decay.", 0, 1e3)
    class_weighting: str = _setting("log", "Class weights of a frequency p: `log`, 1 / ln(p + 1.02), or `median`, the "
                                           "median frequency / p.")
    class_weight_power: float = _setting(0.5, "Power of the published class weights: 1 as published, 0 all equal.", 0,
                                         10)
    class_weights: dict[str, float] | None = _setting(
        None, "Class weights in the cross-entropy by hand, such as `road=1,pole=5`, for the classes named.", 0, 1e6)
    dice_weight: float = _setting(1.0, "Weight of a soft Dice loss beside cross-entropy.", 0, 1e3)
    flip: bool = _setting(True, "Mirror half of the images.")
    scale: tuple[float, float] = _setting((0.75, 1.6), "Zoom, from smallest to largest.", 0.01, 100)
    rotation: float = _setting(5.0, "Turn by up to this many degrees either way.", 0, 180)
    shear: float = _setting(0.1, "Shear by up to this part of the height, either way.", 0, 10)
    jitter: float = _setting(0.2, "Brightness and contrast jitter: change them by up to this part, either way.", 0, 1)
    seed: int = _setting(0, "Of everything that is random.", 0, LARGEST_SEED)

    def __post_init__(self):
        if self.encoder_lr == 0:  # fastai's `slice(0, lr)` is not 0 and `lr`
            raise UserError("an encoder_lr of 0 can't train the encoder; pass a positive number with `--encoder-lr`, "
                            "or freeze it for the first epochs with `--freeze-epochs`.")
        for each in fields(self): _check_range(each.name, getattr(self, each.name), *each.metadata.get("range", ()))
        if self.lr != "auto" and isinstance(self.lr, str):
            raise UserError(f"a learning rate of {self.lr} can't train; pass a positive number or `auto` with `--lr`.")
        if self.freeze_epochs and self.schedule != "one-cycle":
            raise UserError(f"epochs with a frozen encoder come before a one-cycle, not before `{self.schedule}`; pass "
                            "`--schedule one-cycle`, or leave out `--freeze-epochs`.")
        if self.encoder_first and self.model != "enet":
            raise UserError("ENet's encoder alone can be trained first; pass `--encoder-first 0` or `--model enet`.")
        if self.encoder_first and self.freeze_epochs:
            raise UserError("an encoder can't be frozen while it is trained alone; leave out `--freeze-epochs`, or "
                            "pass `--encoder-first 0`.")
        if self.encoder_first and self.patience:
            raise UserError("the mIoU can't rise while an encoder is trained alone; leave out `--patience`, or pass "
                            "`--encoder-first 0`.")
        if self.scale[0] > self.scale[1]:
            raise UserError(f"a scale of {self.scale} is no range of zooms; pass the smaller first with `--scale`.")
        if self.crop and self.size:
            raise UserError("crops are of the images at their own resolution; leave out `--size` or `--crop`.")
        if self.crop and self.test_scale != 1:
            raise UserError("crops are trained on and predicted at the images' own resolution; leave out "
                            "`--test-scale` or `--crop`.")
        if self.rare_crops and not self.crop:
            raise UserError("whole images have no crops to center on rare classes; pass their size with `--crop`.")
        if self.model != "linknet" and (self.encoder, self.upsample) != (Recipe.encoder, Recipe.upsample):
            raise UserError(f"{self.model} has its own encoder and upsampling; leave `--encoder` at {Recipe.encoder} "
                            f"and `--upsample` at {Recipe.upsample}.")
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("class weighting", self.class_weighting, WEIGHTINGS)

    @property
    def total_epochs(self) -> int:
        "The epochs with the encoder frozen, and the others."
        return self.freeze_epochs + self.epochs

    @property
    def encoder_first_epochs(self) -> int:
        "The epochs in which ENet's encoder is trained alone."
        return round(self.encoder_first * self.epochs)

    @property
    def input_size(self) -> tuple[int, int] | None:
        "Height and width of what the model is trained on: `crop` or `size`."
        return self.crop or self.size

    @property
    def test_size(self) -> tuple[int, int] | None:
        "Height and width of what the model predicts from: `crop`, or `test_scale` times `size`."
        return self.crop or self.size and tuple(round(self.test_scale * side) for side in self.size)


def describe_setting(value: Any) -> str:
    "A setting as people read it: yes or no, several values in a row, weights with their classes' names."
    if isinstance(value, bool): return "yes" if value else "no"
    if isinstance(value, dict): return ", ".join(f"{name}={each}" for name, each in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _check_range(name: str, value: Any, low: float = -math.inf, high: float = math.inf):
    "`UserError` for a number, or one in `value`, that is outside of low..high, or is no number."
    for number in _numbers_in(value):
        if not low <= number <= high:
            raise UserError(f"{name} is {value}, and may be from {low:.10g} to {high:.10g}; correct "
                            f"`--{name.replace('_', '-')}`.")


def _numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict): value = tuple(value.values())
    if isinstance(value, tuple): yield from value
    elif isinstance(value, int | float) and not isinstance(value, bool): yield value


AS_IS = dict(flip=False, scale=(1.0, 1.0), rotation=0.0, shear=0.0, jitter=0.0)  # no augmentation

RECIPES: dict[str, Recipe] = {
    # this project's own, for the most mIoU in the least time: benchmarks/README.md has what was tried.
    # linknet-fastai fit camvid: 74.2, 74.9 and 74.3 % validation mIoU (seeds 0 to 2, 360x480); 23 min on two fast
    # cores with AVX512-BF16, 40 on slow ones by its plan
    "rapid": Recipe(),
    # `rapid` for 2.5 times as long, predicted at a larger size: zoom shows things larger than they are; each image
    # normalized by itself, for light that no training image had. With each training film left out in turn 47.8 % mIoU
    # where `rapid` has 42.7 (176x240: benchmarks/films.py --recipe best).
    # linknet-fastai fit camvid --recipe best --no-instance-norm --seed 2: 78.4 % validation mIoU (360x480), 79.2 by
    # `--tta scales`; of --epochs 100, seeds 0 and 1, predicted so: 77.6 and 78.3, 78.9 and 79.3; 60 min by its plan on
    # two fast cores with AVX512-BF16. At this size it was not run with instance norm yet
    "best": Recipe(name="best", epochs=100, test_scale=1.25, instance_norm=True),
    # arXiv 1707.03718, section 4, and its authors' training code: images as they are, 300 epochs, a tenth of the lr
    # after each 100.
    # linknet-fastai fit camvid --recipe paper --epochs 40: 71.5 % validation mIoU
    "paper": Recipe(name="paper", upsample="deconv", epochs=300, optimizer="rmsprop", schedule="steps", lr=5e-4,
                    weight_decay=2e-4, class_weight_power=1.0, dice_weight=0.0, **AS_IS),
    # the student report's: AdamW, one-cycle, sub-pixel, the paper's loss, shear and flips.
    # linknet-fastai fit camvid --recipe modified --epochs 40: 71.7 % validation mIoU
    "modified": Recipe(name="modified", epochs=100, lr=1e-3, class_weight_power=1.0, dice_weight=0.0,
                       **AS_IS | dict(flip=True, shear=0.1)),
    # arXiv 1511.00561, section 3.2: SGD at a fixed rate, median frequency balancing, images as they are; the decay is
    # that of the authors' solver
    "segnet": Recipe(name="segnet", model="segnet", epochs=300, batch_size=12, optimizer="sgd", schedule="constant",
                     lr=0.1, weight_decay=5e-4, class_weighting="median", class_weight_power=1.0, dice_weight=0.0,
                     **AS_IS),
    # arXiv 1606.02147, section 5, and the authors' training code: Adam, the encoder first, each part for 300 epochs
    # with a tenth of the lr after each 100
    "enet": Recipe(name="enet", model="enet", epochs=600, batch_size=10, optimizer="adam", schedule="steps", lr=5e-4,
                   encoder_first=0.5, weight_decay=2e-4, class_weight_power=1.0, dice_weight=0.0, **AS_IS),
}


def recipe_for(name: str, defaults: dict[str, Any], **flags) -> Recipe:
    """The recipe `name`, with a dataset's `defaults` for the settings that it leaves at theirs, and the user's `flags`.

    Both are fields of `Recipe` by name. The recipe's `test_scale` is for trainings with zoom: crops, and images as they
    are, are predicted at the size that they are trained at. Its `instance_norm` is for whole images: a crop of one
    thing alone would look like any other. What is one model's alone isn't taken for another: upsampling and ENet's
    encoder first. `UserError` for an unknown name or a setting that can't train.
    """
    check_choice("recipe", name, RECIPES)
    if {"minutes", "epochs"} <= flags.keys():
        raise UserError("the number of epochs follows from the minutes; leave out `--epochs` or `--minutes`.")
    recipe, usual = RECIPES[name], Recipe()
    open_defaults = {key: value for key, value in defaults.items() if getattr(recipe, key) == getattr(usual, key)}
    if flags.get("crop"): open_defaults.pop("size", None)  # crops are of images at their own resolution
    chosen = open_defaults | flags
    as_trained = chosen.get("crop") or chosen.get("scale", recipe.scale) == (1, 1)
    not_taken = {"test_scale"} if as_trained else set()
    if chosen.get("crop"): not_taken.add("instance_norm")
    if chosen.get("model", recipe.model) != recipe.model: not_taken |= {"upsample", "encoder_first"}
    return replace(recipe, **{name: getattr(usual, name) for name in not_taken} | chosen)
