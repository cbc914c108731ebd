"Tensors and a card that describes them, as one safetensors file whose damage is noticed."

import hashlib
import json
import re
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import UserError
from ..files import atomic_write
from .reading import check_regular, damaged, parse_json

KEY, FORMAT = "linknet_fastai", 6
READABLE = (5, FORMAT)  # cards of 5 know no instance norm: it must not be passed over by a program that reads those
CHUNK = 1 << 20  # bytes that are hashed at once
LONGEST_HEADER = 100_000_000  # bytes: safetensors' own limit
UNKNOWN = "0" * 64  # stands for the checksum while it is taken
CHECKSUM = re.compile(rb'\\"sha256\\": \\"([0-9a-f]{64})\\"')  # in the header: JSON in a text of JSON


def write_tensors(path: Path, tensors: dict[str, Tensor], card: dict):
    """Write `tensors` by name, and `card`, anything that JSON can hold, in the file's metadata.

    A checksum (SHA-256) is kept beside the card. It is that of every byte of the file, with zeros in its own place.
    `UserError` where the file can't be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {KEY: json.dumps({"format": FORMAT, "sha256": UNKNOWN, **card})}
    with atomic_write(path) as temporary:
        try: save_file(tensors, temporary, metadata)
        except SafetensorError as error: raise OSError(str(error)) from error  # the disk's, in safetensors' words
        place = _find_checksum(temporary).start(1)
        checksum = _checksum(temporary, place)
        with open(temporary, "r+b") as file:
            file.seek(place)
            file.write(checksum.encode())


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    "The tensors and the card that `write_tensors` wrote; `UserError` where the file is missing, damaged or another's."
    card = read_card(path)
    try:
        with safe_open(path, "pt") as file: return {name: file.get_tensor(name) for name in file.keys()}, card
    except (SafetensorError, OSError) as error: raise _unreadable(path, error) from error


def is_run_file(path: Path) -> bool:
    "Whether `path` is a file that `write_tensors` wrote."
    if not path.is_file(): return False  # a pipe would be waited for
    try:
        with safe_open(path, "pt") as file: return KEY in (file.metadata() or {})
    except (SafetensorError, OSError): return False


def read_card(path: Path) -> dict:
    "The card alone, without keeping the tensors; errors as for `read_tensors`: all of the file is checked."
    check_regular(path)
    try:
        with safe_open(path, "pt") as file: metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error: raise _unreadable(path, error) from error
    if KEY not in metadata: raise UserError(f"{path}: was not written by this program; pass a file of a run.")
    card = parse_json(metadata[KEY], path)
    version = card.pop("format", None)
    if version not in READABLE:
        raise UserError(f"{path}: is of format {version}, this program reads {FORMAT}; use the version that wrote it, "
                        "or train anew.")
    found, checksum = _find_checksum(path), card.pop("sha256", "")
    if found is None or not found[1].decode() == checksum == _checksum(path, found.start(1)):
        raise damaged(path, "its checksum doesn't fit")
    return card


def _find_checksum(path: Path) -> re.Match[bytes] | None:
    "Where in the file its checksum stands: the first in the header, before anything of the card."
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        file.seek(0)
        return CHECKSUM.search(file.read(8 + min(length, LONGEST_HEADER)))


def _checksum(path: Path, place: int) -> str:
    "SHA-256 of the file, with zeros for the checksum that stands at `place`."
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        digest.update(file.read(place) + UNKNOWN.encode())
        file.seek(place + len(UNKNOWN))
        while chunk := file.read(CHUNK): digest.update(chunk)
    return digest.hexdigest()


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: can't be read as safetensors ({error}); take another file.")
