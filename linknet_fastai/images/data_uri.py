"Images as data URIs, for pages that need nothing but themselves."

import base64
import io
from typing import Any

from PIL import Image


def data_uri(content: bytes, media_type: str) -> str:
    "A file's content as a data URI; its type is such as `image/png`."
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def image_uri(image: Image.Image, format: str, **options: Any) -> str:
    "An image as a data URI, in Pillow's format and `options`."
    content = io.BytesIO()
    image.save(content, format=format, **options)
    return data_uri(content.getvalue(), f"image/{format.lower()}")
