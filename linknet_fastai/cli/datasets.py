"The commands about datasets."

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UserError
from .arguments import Data, DatasetName, open_dataset
from .console import console, tracked
from .flags import dataset_flags
from .printing import print_check, print_datasets

datasets_app = typer.Typer(invoke_without_command=True)


@datasets_app.callback()
def datasets(context: typer.Context):
    "List the datasets; `datasets check NAME` checks one."
    if context.invoked_subcommand is None: print_datasets()


@datasets_app.command("check")
@dataset_flags
def check(dataset: DatasetName, data: Data = None,
          out: Annotated[Path | None, typer.Option(
              help="Folder for classes.csv and classes.png. [default: DATASET-check]", show_default=False)] = None,
          options=None):
    "Read every sample of a dataset; print sizes, class frequencies, weights, and each problem by file."
    from ..workflows.check import check_dataset
    out = out or Path(f"{dataset}-check")
    result, classes = check_dataset(open_dataset(dataset, data, options), out, tracked("checking"))
    print_check(result, classes)
    console.print(f"written: {out / 'classes.csv'}, {out / 'classes.png'}")
    if not result.problems.empty:
        raise UserError(f"{result.dataset.root}: is unsound in {len(result.problems)} of {len(result.dataset.table)} "
                        "samples, listed above; mend them, or train without them by `fit --skip-bad`.")


@datasets_app.command("split")
@dataset_flags
def split(data: Annotated[Path, typer.Argument(metavar="DIR", help="A `folder` of your own.")], options=None):
    "Draw which images of a folder are validated on, and write it to DIR/splits.csv, which you may edit."
    from ..workflows.split import split_folder
    path, counts = split_folder(open_dataset("folder", data, options))
    console.print(f"{path}: {counts['train']} train, {counts['val']} val")


@datasets_app.command("convert")
@dataset_flags
def convert(source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder, as an annotation tool left it.")],
            out: Annotated[Path, typer.Argument(metavar="OUT", help="The new folder.")], options=None):
    "Write a folder of annotations, or of masks in whatever form, as images/, masks/ of plain indices, and classes.txt."
    from ..workflows.convert import convert as convert_folder
    console.print(convert_folder(source, out, options, tracked("converting")))
