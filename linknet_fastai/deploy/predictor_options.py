"How a model looks at an image, beside what its training says."

from dataclasses import dataclass

from ..errors import check_choice
from ..evaluation.views import VIEWS
from ..images.tiling import TileOptions


@dataclass(frozen=True)
class PredictorOptions:
    """`tta` predicts from several views of each image (`views.VIEWS`); `tiles` are those to predict large images by.

    `UserError` for another `tta`.
    """

    tta: str | None = None
    tiles: TileOptions = TileOptions()

    def __post_init__(self):
        if self.tta is not None: check_choice("test-time augmentation", self.tta, VIEWS)
