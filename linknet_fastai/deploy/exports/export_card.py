"What an exported file says of itself: its model's card, and how it is fed and read."

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ...errors import UserError
from ...runs.card import ModelCard
from ...runs.reading import validate

KEY, FORMAT = "linknet_fastai", 4


@dataclass(frozen=True)
class ExportCard(ModelCard):
    """A `ModelCard`, and what the graph takes and gives.

    `input` are pixels `[N,H,W,channels]` as uint8, or as floats from 0 to 1. `output` are logits
    `[N,classes,H,W]`, or classes uint8 `[N,H,W]`. `int8` is whether it computes in 8-bit integers, `version` that of
    this package, `weights` the `digest` of the run's file that it was made of.
    """

    input: Literal["uint8", "float"] = "uint8"
    output: Literal["logits", "classes"] = "logits"
    int8: bool = False
    version: str = ""
    weights: str = ""

    def metadata(self) -> dict[str, str]:
        "All of it as texts: JSON by the fields' names, so that any program can read what it needs."
        return {KEY: str(FORMAT), **{name: json.dumps(value) for name, value in asdict(self).items()}}


def read_metadata(metadata: dict[str, str], path: Path) -> ExportCard:
    "What `ExportCard.metadata` gave; `UserError` where it is another program's, another version's, or damaged."
    if KEY not in metadata:
        raise UserError(f"{path}: was not exported by this program; pass a file that `export` wrote.")
    if metadata[KEY] != str(FORMAT):
        raise UserError(f"{path}: is an export of format {metadata[KEY]}, this program reads {FORMAT}; export it anew.")
    try: fields = {name: json.loads(metadata[name]) for name in ExportCard.__dataclass_fields__}
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: its metadata is damaged ({error}); export it anew.") from error
    return validate(ExportCard, fields, path)
