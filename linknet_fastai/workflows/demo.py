"A run's model as a page on this machine."

import socket
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

from fastcore.xtras import modified_env

from ..deploy.demo import CSS, FONT, MONO, About, build_demo
from ..deploy.predictor import Predictor
from ..errors import UserError
from ..evaluation.result import describe_protocol, read_result
from ..extras import find_extra
from ..images.header import image_size
from ..reports.gallery import Gallery
from ..runs.hub import is_on_hub, local_run
from ..runs.run import Run
from ..runtime.device import Machine
from ..training.signals import Signals

EXAMPLES = 6
# read by gradio and huggingface_hub when they are imported: no reports of use, no look for newer versions
SILENT = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class DemoOptions:
    """Where the page is, and what it takes.

    `port` is the first free one from 7860 on where it is None. `host` is the address that is listened on: the default
    is this machine alone. Files over `max_mb` megabytes are refused. With `open_browser` the page is shown at once.
    """

    port: int | None = None
    host: str = "127.0.0.1"
    max_mb: int = 20
    open_browser: bool = False

    def __post_init__(self): find_extra("gradio", "demo")


@contextmanager
def demo(path: Path, machine: Machine, options: DemoOptions = DemoOptions()) -> Iterator[str]:
    """Serve the page of the run at `path`, or `hf:USER/NAME`, while the context lasts; gives its address.

    Uploaded images are kept for as long. `UserError` where the folder holds no run, or the port is taken.
    """
    run = Run.open(local_run(path))
    predictor = Predictor(run.path, machine)
    if options.port is not None: _check_port(options)
    with (tempfile.TemporaryDirectory(prefix="linknet-fastai-demo-") as uploads,
          modified_env(**SILENT, GRADIO_TEMP_DIR=uploads)):
        import gradio as gr
        page = build_demo(predictor, about(run, _title(path), is_local=options.host == DemoOptions.host))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # gradio's, of its own dependencies
            _, address, _ = page.launch(
                server_name=options.host, server_port=options.port, max_file_size=options.max_mb * 2**20, share=False,
                prevent_thread_lock=True, quiet=True, inbrowser=options.open_browser, footer_links=[],
                run_history=False, enable_monitoring=False, pwa=False, mcp_server=False, ssr_mode=False, css=CSS,
                theme=gr.themes.Default(font=FONT, font_mono=MONO))
        try: yield address
        finally: page.close(verbose=False)


def wait_for_signal():
    "Until Ctrl-C or SIGTERM, so that what was uploaded is removed after either."
    with Signals() as signals:
        while signals.received is None: time.sleep(0.2)


def about(run: Run, title: str, is_local: bool = True) -> About:
    """What the page says of a run: its title, how well it does, where images go, and some images of its gallery.

    `is_local` is whether nobody but this machine can see the page.
    """
    card, lines = run.card, []
    if run.is_scored:
        result = read_result(run)
        lines.append(f"mIoU {100 * result.scores.miou:.1f} % on {describe_protocol(result.protocol)}.")
    else: lines.append(f"Trained on {card.protocol}, {len(card.classes)} classes; not scored.")
    lines.append("Images stay on this machine." if is_local else
                 "Images go to the machine that serves this page, and no further.")
    return About(title, tuple(lines), _examples(run) if card.takes_photos and card.crop is None else ())


def _examples(run: Run) -> tuple[Path, ...]:
    """Images of the gallery from the best to the worst, as large as the model sees them, or the dataset has them: some
    galleries hold less.

    A run may be a stranger's: links aren't followed.
    """
    card = run.card
    enough = min(prod(card.size), prod(card.image_size or card.size))
    if not (run.gallery / "images.csv").is_file() or run.gallery.is_symlink(): return ()
    files = [entry.image for entry in Gallery(run.gallery).entries()
             if entry.image.is_file() and not entry.image.is_symlink()
             and prod(image_size(entry.image)) >= enough]
    count = min(EXAMPLES, len(files))
    return tuple(files[round((len(files) - 1) * (1 - number / max(1, count - 1)))] for number in range(count))


def _title(path: Path) -> str:
    "A folder's name, or the name on the hub."
    return str(path) if is_on_hub(path) else path.resolve().name


def _check_port(options: DemoOptions):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try: probe.bind((options.host, options.port))
        except (OSError, OverflowError) as error:
            raise UserError(f"port {options.port} can't be listened on ({error}); pass another with "
                            "`--port`.") from error
