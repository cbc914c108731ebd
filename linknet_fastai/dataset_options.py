"What is said of a dataset, beside its name and its folder, in one place."

from dataclasses import dataclass, field
from typing import Any


def _option(meaning: str, default=None):
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class DatasetOptions:
    """What is said of a dataset, beside its name and its folder. The command line's flags come from here.

    A run adds `meaning`, what the values in its masks were, `value_range`, what was black and white in images of more
    than 8 bits, and `splits`, the file of a split that was drawn for it.
    """

    protocol: str | None = _option("The classes to train, such as camvid11 or camvid32. [default: the dataset's usual]")
    images: str | None = _option("Of a `folder`: the name or path of the images' folder. [default: what is found]")
    masks: str | None = _option("Of a `folder`: the name or path of the masks' folder. [default: what is found]")
    mask_pattern: str | None = _option("Of a `folder`: how masks are named after images, such as '{stem}_seg.png'.")
    follow_links: bool = _option("Of a `folder`: read what links lead to outside it, too.", False)
    channels: int = _option("Channels of the images: 3 for color, 1 for gray, or those of multispectral TIFF files. "
                            "[default: 3]", 3)
    ignore: tuple[str, ...] = _option("A class whose pixels are void, by its name; may be given again.", ())
    meaning: dict[str, Any] | None = None
    value_range: tuple[float, float] | None = None
    splits: str | None = None

    @property
    def names_files(self) -> bool:
        "Whether it says which files of a `folder` are images, or which are masks."
        return bool(self.images or self.masks or self.mask_pattern)
