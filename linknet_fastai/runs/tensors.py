"Tensors and a card that describes them, as one safetensors file whose damage is noticed."

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import UserError
from ..files import atomic_write, remove_leftovers

KEY, FORMAT = "linknet_fastai", 4


def write_tensors(path: Path, tensors: dict[str, Tensor], card: dict):
    """Write `tensors` by name; `card`, anything that JSON can hold, and a checksum go into the file's metadata.

    `UserError` where the file can't be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {KEY: json.dumps({"format": FORMAT, "sha256": _checksum(tensors), **card})}
    remove_leftovers(path)  # large ones
    with atomic_write(path) as temporary:
        try: save_file(tensors, temporary, metadata)
        except SafetensorError as error: raise OSError(str(error)) from error  # the disk's, in safetensors' words


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    "The tensors and the card that `write_tensors` wrote; `UserError` where the file is missing, damaged or another's."
    card, checksum = _read_metadata(path)
    try:
        with safe_open(path, "pt") as file: tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error: raise _unreadable(path, error) from error
    if _checksum(tensors) != checksum:
        raise UserError(f"{path}: is damaged (its checksum doesn't fit); restore it from a copy.")
    return tensors, card


def is_run_file(path: Path) -> bool:
    "Whether `path` is a file that `write_tensors` wrote."
    try:
        with safe_open(path, "pt") as file: return KEY in (file.metadata() or {})
    except (SafetensorError, OSError): return False


def read_card(path: Path) -> dict:
    "The card alone, without reading the tensors; errors as for `read_tensors`."
    return _read_metadata(path)[0]


def _read_metadata(path: Path) -> tuple[dict, str]:
    "The card and the checksum."
    try:
        with safe_open(path, "pt") as file: metadata = file.metadata() or {}
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; has the training saved an epoch yet?") from error
    except (SafetensorError, OSError) as error: raise _unreadable(path, error) from error
    if KEY not in metadata: raise UserError(f"{path}: was not written by this program; pass a file of a run.")
    try:
        card = dict(json.loads(metadata[KEY]))
        version, checksum = card.pop("format"), card.pop("sha256", "")
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: its metadata is damaged ({error}); restore the file from a copy.") from error
    if version == FORMAT: return card, checksum
    raise UserError(f"{path}: is of format {version}, this program reads {FORMAT}; use the version that wrote it, or "
                    "train anew.")


def _checksum(tensors: dict[str, Tensor]) -> str:
    "SHA-256 over the tensors in the order of their names."
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: can't be read as safetensors ({error}); take another file.")
