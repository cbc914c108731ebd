"A run as a local web page: an image to its mask, in the browser (gradio)."

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..errors import UserError
from ..images.data_uri import image_uri
from ..images.format import displayed
from ..images.header import image_size
from ..images.mask import to_palette_image
from ..images.opening import open_image
from ..images.paths import SUFFIXES
from .predictor import Predictor

if TYPE_CHECKING:
    import gradio as gr

PAGE = Path(__file__).parent / "page"
THUMBNAIL = 240  # pixels, of an example
MOST_PIXELS = 25_000_000  # of an image: more take a page too long
# system fonts only: gradio's themes ask Google for others
FONT, MONO = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
CSS = """
.gradio-container { padding: 0 !important; max-width: 80rem !important }
.gradio-container .html-container { padding: 0 !important }
.gradio-container .prose h1 { overflow-wrap: anywhere }
@media (max-width: 40rem) { .gradio-container > .main { padding: .75rem !important } }
"""


@dataclass(frozen=True)
class About:
    "What the page says of its model: a title, lines below it, and the image files that can be tried."

    title: str
    lines: tuple[str, ...]
    examples: tuple[Path, ...]


def build_demo(predictor: Predictor, about: About) -> "gr.Blocks":
    """The page of a model; whoever launches it sets the largest file, the address, `FONT` and `CSS`.

    What is shown to one person is in the answer to that person's request alone. Images are predicted one by one. gradio
    must be installed.
    """
    import gradio as gr

    def of_file(path: str | None): return path and answer(predictor, path, Path(path).name)
    def of_frame(frame: Image.Image | None): return frame and answer(predictor, frame, "webcam")
    def of_example(event: gr.EventData): return of_file(str(about.examples[event.index]))

    with gr.Blocks(title=about.title, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.HTML(_heading(about))
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                with gr.Tab("Image"): file = gr.File(label="An image", file_types=list(SUFFIXES), height=140)
                if predictor.card.takes_photos:
                    with gr.Tab("Webcam"): frame = gr.Image(label="Webcam", sources=["webcam"], type="pil")
                if about.examples:
                    examples = gr.HTML(_examples(about), css_template=_page("examples.css"),
                                       js_on_load=_page("examples.js"), elem_id="examples")
            with gr.Column(scale=2, min_width=320):
                view = gr.HTML(None, html_template=_page("view.html"), css_template=_page("view.css"),
                               js_on_load=_page("view.js"), elem_id="view")
        # one at a time: they share one model
        queued = dict(outputs=view, concurrency_id="model", concurrency_limit=1, api_visibility="private")
        file.change(of_file, file, **queued)
        if predictor.card.takes_photos: frame.change(of_frame, frame, **queued)
        if about.examples: examples.click(of_example, None, **queued)
    return page


def answer(predictor: Predictor, image: str | Image.Image, name: str) -> dict[str, Any]:
    """What the page shows of an image: itself, its mask, and each class's frequency in it; or why it can't be read.

    Args:
        predictor: the model.
        image: a file, or what a camera gave.
        name: what the image is called.

    `image`, `mask` (a palette of colors) and `indices` (the classes as gray) are data URIs; a class has `name`, `color`
    and `frequency`, from 0 to 1.
    """
    try:
        if isinstance(image, str): _check_size(image)
        pixels = predictor.read(image)  # once: what is shown is what was predicted from
    except UserError as error: return {"message": str(error).replace(str(image), name)}
    mask, card, seen = predictor.predict(pixels), predictor.card, Image.fromarray(displayed(pixels))
    frequencies = np.bincount(mask.ravel(), minlength=len(card.classes)) / mask.size
    classes = [{"name": label, "color": list(color), "frequency": float(frequency)}
               for label, color, frequency in zip(card.classes, card.palette, frequencies)]
    return {"name": Path(name).stem, "classes": classes, "image": image_uri(seen, "JPEG", quality=95),
            "mask": image_uri(to_palette_image(mask, card.palette), "PNG"),
            "indices": image_uri(Image.fromarray(mask), "PNG")}


def _check_size(path: str):
    height, width = image_size(path)
    if height * width > MOST_PIXELS:
        raise UserError(f"{path}: has {height}x{width} pixels, and this page takes {MOST_PIXELS / 1e6:g} million; use "
                        "`linknet-fastai predict`.")


def _heading(about: About) -> str:
    from markupsafe import escape
    return f"<h1>{escape(about.title)}</h1>" + "".join(f"<p>{escape(line)}</p>" for line in about.lines)


def _examples(about: About) -> str:
    "A button an image, numbered."
    from markupsafe import Markup
    buttons = Markup("").join(
        Markup('<button type="button" data-index="{}" title="{}"><img src="{}" alt="{}"></button>').format(
            number, path.stem, _thumbnail(path), path.stem) for number, path in enumerate(about.examples))
    return Markup("<p>Or one of the images that it was validated on:</p><div>{}</div>").format(buttons)


def _thumbnail(path: Path) -> str:
    with open_image(path) as image:
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        return image_uri(image.convert("RGB"), "JPEG", quality=80)


def _page(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")
