"Words that several commands take."

from pathlib import Path
from typing import Annotated

import typer

from ..dataset_options import DatasetOptions
from .console import tracked
from .flags import size

DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="Its name: `linknet-fastai datasets` lists them.")]
Data = Annotated[Path | None, typer.Option(help="The dataset's folder.", show_default=False)]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `fit` wrote.")]
RunOrFile = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `fit` wrote, or a file of `export`.")]
AnyRun = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `fit` wrote, a file of `export`, or "
                                                            "hf:USER/NAME on the hub.")]
HubRun = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `fit` wrote, or hf:USER/NAME on the hub.")]
Split = Annotated[str, typer.Option(help="train, val, test, or all images that have masks.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or mps. [default: the best there is]", show_default=False)]
Precision = Annotated[str | None, typer.Option(
    help="bf16, fp16 or fp32. [default: the fastest that the device has natively]", show_default=False)]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the model first (torch.compile).")]
Log = Annotated[str | None, typer.Option(help="Also log to `tensorboard` (in the run's folder) or `wandb`.",
                                         show_default=False)]
Tta = Annotated[str | None, typer.Option(
    help="`flip`: predict from each image and its mirror image, in twice the time; `scales`: from both at 1.25 of "
         "their size, too, in five times the time.", show_default=False)]
Tile = Annotated[str | None, typer.Option(
    help="Predict images at their own resolution by tiles of this size. [default: as it was trained]", parser=size,
    metavar="HxW", show_default=False)]
Overlap = Annotated[float | None, typer.Option(help="What neighboring tiles share of a side. [default: 0.25]",
                                               show_default=False)]


def open_dataset(name: str, data: Path | None, options: DatasetOptions = DatasetOptions()):
    "The dataset that a command is about, with a bar while its masks are read, or its scenes drawn."
    from ..datasets import open_dataset as open_by_name
    return open_by_name(name, data, options, tracked("drawing", "scene") if name == "streets" else tracked("reading"))
