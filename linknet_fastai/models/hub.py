"ImageNet weights from timm's hub, which may be out of reach."

from pathlib import Path

import timm
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError

from ..errors import UserError
from ..network import probe

FILE = "model.safetensors"  # the hub's other files are pickles


def hub_file(name: str, flag: str = "--weights") -> Path:
    """The safetensors file with timm's ImageNet weights of the encoder `name`: the one downloaded before, or a new one.

    `UserError` where timm has none, and, within seconds, where the hub can't be reached; its message has the `flag` by
    which other weights are named.
    """
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id:
        raise UserError(f"timm has no ImageNet weights of {name!r}; pass a file with `{flag} FILE.safetensors`, or "
                        f"`{flag} none` to start from scratch.")
    try: return Path(hf_hub_download(config.hf_hub_id, FILE, local_files_only=True))
    except LocalEntryNotFoundError: pass  # the first time
    try:
        if constants.HF_HUB_OFFLINE: raise ConnectionError("HF_HUB_OFFLINE is set")
        probe(constants.ENDPOINT)
        return Path(hf_hub_download(config.hf_hub_id, FILE))
    except Exception as error:  # the hub's client raises those of its HTTP library, which differs by version
        raise UserError(f"ImageNet weights of {name!r} can't be had from timm's hub ({error}); offline, pass a file "
                        f"with `{flag} FILE.safetensors`, or `{flag} none` to start from scratch.") from error
