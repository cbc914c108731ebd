"What is kept of a trained model beside its weights; read without torch, by programs that have none."

from dataclasses import dataclass

from ..image_format import ImageFormat


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
