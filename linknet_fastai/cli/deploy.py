"The commands that put a trained model to work: on images, in other programs, in a browser, on the hub."

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UserError, counted
from .arguments import AnyRun, Data, Device, HubRun, Overlap, Precision, RunFolder, Tile, Tta
from .console import console, error_console, json_lines, rated, tracked
from .printing import print_exported

deploy_app = typer.Typer()


@deploy_app.command()
def predict(run: AnyRun,
            paths: Annotated[list[Path] | None, typer.Argument(
                metavar="PATH...", help="Images, folders of images, patterns such as 'frames/*.png', films; or the "
                                        "number of a camera, such as 0.", show_default=False)] = None,
            out: Annotated[Path | None, typer.Option(
                help="Folder for the masks, or the .mp4 file of one film. [default: RUN/predictions; of a run on the "
                     "hub, predictions; of a camera, a window]", show_default=False)] = None,
            format: Annotated[str, typer.Option(
                help="masks: class indices in color, and overlays; values: the training masks' own values or colors; "
                     "labelme, coco, geojson: polygons to correct; cityscapes: the ids and names that the benchmark's "
                     "server takes.")] = "masks",
            listed: Annotated[Path | None, typer.Option(
                "--list", help="A text file with more images, a path a line.", show_default=False)] = None,
            goes_on: Annotated[bool, typer.Option(
                "--continue", help="Skip what is predicted already, of its image as it is now.")] = False,
            no_overlays: Annotated[bool, typer.Option("--no-overlays", help="Masks alone.")] = False,
            jpeg_overlays: Annotated[bool, typer.Option("--jpeg-overlays", help="Overlays as JPEG: a tenth of the "
                                                                               "bytes.")] = False,
            probabilities: Annotated[str | None, typer.Option(
                help="Write them, too: npz, of all classes (float16), or png, of the class that was chosen (8 bits).",
                show_default=False)] = None,
            tta: Tta = None, tile: Tile = None, overlap: Overlap = None,
            least_certain: Annotated[int | None, typer.Option(
                help="Write only the N images that the model is least sure of.", metavar="N",
                show_default=False)] = None,
            frames: Annotated[bool, typer.Option("--frames", help="Of a film: a mask a frame, no film.")] = False,
            smooth: Annotated[int, typer.Option(
                help="Of a film: masks by the mean of N frames' probabilities, against flicker.",
                metavar="N")] = 1,
            as_json: Annotated[bool, typer.Option(
                "--json", help="Print a line of JSON an image, with the part of each class, and no more.")] = False,
            device: Device = None, precision: Precision = None):
    "Segment images of any size, films, what a camera sees: masks of class indices in color, and overlays."
    from ..deploy.predictor_options import PredictorOptions
    from ..images.tiling import TileOptions
    from ..workflows.open_predictor import open_predictor, predictions_folder
    from ..workflows.predict_film import FilmOptions, refuse_doubles
    from ..workflows.predicting.options import PredictOptions
    from .films import Problems, check_flags, predict_cameras, predict_films, split_paths
    if not paths and listed is None: raise UserError("there is nothing to predict; name images, or a `--list` of them.")
    if no_overlays and jpeg_overlays: raise UserError("`--no-overlays` and `--jpeg-overlays` exclude each other.")
    images, films, cameras = split_paths(paths or [])
    for_images = {"--least-certain": least_certain, "--json": as_json, "--continue": goes_on,
                  "--probabilities": probabilities, "--no-overlays": no_overlays, "--jpeg-overlays": jpeg_overlays}
    check_flags(images or listed, films + cameras, out, (frames, smooth), for_images)
    overlays = "none" if no_overlays else "jpeg" if jpeg_overlays else "png"
    progress = rated("predicting", "image", error_console() if as_json else console)
    options = PredictOptions(format, least_certain, overlays, probabilities, goes_on, listed, progress)
    predictor = open_predictor(run, device, precision, PredictorOptions(tta, TileOptions(tile, overlap)))
    if as_json: options = replace(options, observe=json_lines(predictor.card.classes))
    problems, film_options = Problems(), FilmOptions(format, frames, smooth)
    if cameras: predict_cameras(predictor, cameras, out, film_options)
    out = out or predictions_folder(run)
    refuse_doubles(films, out, film_options)  # before hours of images
    if images or listed:
        with problems.later(): predict_images(predictor, images, out, options, quiet=as_json)
    predict_films(predictor, films, out, film_options, problems)
    problems.check()


def predict_images(predictor, paths: list[Path], out: Path, options, quiet: bool = False):
    "Predict, and print what became of it, unless `quiet`."
    from ..deploy.output import FORMATS
    from ..workflows.predict import PartlyDone
    from ..workflows.predict import predict as predict_all
    try: written = predict_all(predictor, paths, out, options)
    except PartlyDone as partly:
        for each in partly.failed if not quiet else (): console.print(f"failed:   {each.problem}")
        raise
    except (KeyboardInterrupt, SystemExit):
        hint = "" if FORMATS[options.format].shared else "; `--continue` goes on with the others"
        error_console().print(f"stopped:  what is in {out} is whole{hint}", markup=False)
        raise
    if quiet: return
    if options.least_certain is not None:
        console.print("certainty, the mean margin between the best class and the second, the least first:")
        for each in written: console.print(f"{each.certainty:.3f} {each.image}", markup=False)
    what = "mask" if options.format in ("masks", "values", "cityscapes") else "image"
    console.print(f"{counted(len(written), what)} in {out}")


@deploy_app.command()
def export(run: RunFolder,
           format: Annotated[str | None, typer.Option(
               help="onnx or openvino. [default: what `--out` ends in, else openvino with `--int8`, else onnx]",
               show_default=False)] = None,
           int8: Annotated[bool, typer.Option("--int8", help="In 8-bit integers, for OpenVINO: the fastest.")] = False,
           out: Annotated[Path | None, typer.Option(
               help="The file, .onnx or .xml. [default: `model` or, in 8 bits, `model-int8` in the run's folder]",
               show_default=False)] = None,
           output: Annotated[str, typer.Option(help="What it gives: logits [N,classes,H,W], or classes [N,H,W].")]
           = "logits",
           floats: Annotated[bool, typer.Option(
               "--floats", help="It takes pixels as floats from 0 to 1, in the place of uint8 from 0 to 255.")] = False,
           images: Annotated[Path | None, typer.Option(
               help="Compare on the images of this folder, without scores. [default: the validation images]",
               show_default=False)] = None,
           calibrate: Annotated[Path | None, typer.Option(
               help="Calibrate int8 on the images of this folder. [default: 300 training images]",
               show_default=False)] = None,
           data: Data = None):
    "Write a run's model as a file for other programs, and compare it with the original; exit code 1 if it differs."
    from ..workflows.export import ExportOptions
    from ..workflows.export import export as export_run
    options = ExportOptions(format, int8, out, output, floats, images, calibrate, data, tracked("comparing", "image"))
    exported = export_run(run, options)
    print_exported(exported)
    if exported.comparison.problems: raise typer.Exit(1)


@deploy_app.command()
def demo(run: HubRun,
         port: Annotated[int | None, typer.Option(help="Where to listen. [default: the first free one from 7860 on]",
                                                  show_default=False)] = None,
         open_browser: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
         device: Device = None, precision: Precision = None):
    "Serve a page on this machine that segments images and a camera's photos; nothing leaves the machine."
    from ..runtime.device import Machine
    from ..workflows.demo import DemoOptions, wait_for_signal
    from ..workflows.demo import demo as serve
    options = DemoOptions(port, open_browser=open_browser)
    with serve(run, Machine.choose(device, precision), options) as address:
        console.print(f"{address} (Ctrl-C ends it)")
        wait_for_signal()


@deploy_app.command()
def publish(run: RunFolder,
            repo: Annotated[str, typer.Argument(metavar="USER/NAME", help="Where it will be on the hub.")],
            private: Annotated[bool, typer.Option("--private", help="For yourself, if it isn't there yet.")] = False,
            space: Annotated[bool, typer.Option("--space", help="A page with the demo, too.")] = False):
    "Upload a run to the Hugging Face Hub: weights, settings, scores and a model card."
    from ..workflows.publish import PublishOptions
    from ..workflows.publish import publish as publish_run
    for address in publish_run(run, repo, PublishOptions(private, space)): console.print(address)
    console.print(f"use it:   linknet-fastai predict hf:{repo.removeprefix('hf:')} IMAGES")
