"What is kept of a trained model beside its weights; read without torch, by programs that have none."

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from ..images.format import MOST_CHANNELS, ImageFormat
from ..images.mask import VOID

MODEL_FILE = "model.safetensors"  # of a run folder: the weights, with the card
LONGEST_SIDE = 1 << 16
Byte = Annotated[int, Field(ge=0, le=255)]
Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class ModelCard:
    """What a weights file says of its model.

    `size` (height, width) is what it predicts at: whole images of as many pixels, or, with `crops`, by crops of that
    size, which it was trained on, of images at their own resolution. Most training images were of `image_size`. `mean`
    and `std` are of each channel in 0..1; `palette` has a color a class. `ids` are the classes' numbers in the
    dataset's own benchmark, where it has one. `values` are what the classes were in the masks that it was trained on,
    all numbers or all RGB colors; None where that is not known. `value_range` is what was black and what was white in
    images of more than 8 bits, None for those of 8, and `channels` how many they had. With `instance_norm` the model
    normalizes each image by itself, after `mean` and `std`.
    """

    encoder: str
    upsample: str
    classes: tuple[str, ...]
    palette: tuple[tuple[Byte, Byte, Byte], ...]
    size: tuple[Side, Side]
    mean: tuple[Finite, ...]
    std: tuple[Finite, ...]
    protocol: str
    ids: tuple[Byte, ...] | None = None
    model: str = "linknet"
    values: tuple[int, ...] | tuple[tuple[int, int, int], ...] | None = None
    value_range: tuple[Finite, Finite] | None = None
    channels: Annotated[int, Field(ge=1, le=MOST_CHANNELS)] = 3
    crops: bool = False
    image_size: tuple[Side, Side] | None = None
    instance_norm: bool = False

    @property
    def crop(self) -> tuple[int, int] | None:
        "(height, width) of the crops that it was trained on; None where that were whole images."
        return self.size if self.crops else None

    @property
    def image_format(self) -> ImageFormat:
        "What its images are."
        return ImageFormat(self.channels, self.value_range)

    @property
    def takes_photos(self) -> bool:
        "Whether its images are what cameras, films and JPEG files hold: of 8 bits, in color or gray."
        return self.value_range is None and self.channels in (1, 3)

    def __post_init__(self):
        if not 1 <= len(self.classes) < VOID or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"{len(self.classes)} names, some of them equal or too many, are no classes")
        if min(self.std, default=1) <= 0: raise ValueError(f"{self.std} are no deviations")
        if self.ids is not None and len(self.ids) != len(self.classes):
            raise ValueError(f"{len(self.ids)} ids for {len(self.classes)} classes")
        if len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.palette)} colors for {len(self.classes)} classes")
        if not len(self.mean) == len(self.std) == self.channels:
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
